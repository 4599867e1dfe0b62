"""The other side for tests: a webhook that answers the challenge, and remembers."""

import json

from simulators.http import HttpRequest, HttpResponse, HttpServer, WebhookListener


class BusinessWebhook(WebhookListener):
    """A webhook from `with` on. It answers with `answers` one by one, then with 200."""

    def __init__(self, verify_token: str = "verify-rehearsal") -> None:  # noqa: S107 - a simulator's
        """Nothing told yet. Whoever knows the word may report here."""
        self.told: list[HttpRequest] = []
        self.answers: list[int] = []
        self._word = verify_token
        super().__init__(HttpServer("127.0.0.1", 0, self._respond), "/webhook")

    @property
    def steps(self) -> list[str]:
        """The steps that the Cloud API has told of, in the order they came."""
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
