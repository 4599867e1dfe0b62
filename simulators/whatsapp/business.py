"""Business webhook for tests; answers the challenge and records reports."""

import json

from simulators.http import HttpRequest, HttpResponse, HttpServer, WebhookListener


class BusinessWebhook(WebhookListener):
    """Webhook that runs inside `with`; responds with the statuses in `answers`, then with 200."""

    def __init__(self, verify_token: str = "verify-simulator") -> None:  # noqa: S107 - a simulator's
        """Store the verification token that a subscriber must present."""
        self.told: list[HttpRequest] = []
        self.answers: list[int] = []
        self._word = verify_token
        super().__init__(HttpServer("127.0.0.1", 0, self._respond), "/webhook")

    @property
    def steps(self) -> list[str]:
        """Return the delivery states reported by the Cloud API, in order of arrival."""
        values = [json.loads(told.body)["entry"][0]["changes"][0]["value"] for told in self.told]
        return [status["status"] for value in values for status in value.get("statuses", ())]

    def _respond(self, request: HttpRequest) -> HttpResponse:
        if request.method == "GET":
            known = request.query.get("hub.verify_token") == self._word
            return HttpResponse(
                200 if known else 403, request.query.get("hub.challenge", "").encode()
            )
        self.told.append(request)
        return HttpResponse(self.answers.pop(0) if self.answers else 200)
