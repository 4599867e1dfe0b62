"""Merchant webhook for tests of the simulator; records every notification."""

from simulators.http import HttpRequest, HttpResponse, HttpServer, WebhookListener


class MerchantWebhook(WebhookListener):
    """Webhook that runs inside `with`; responds with the statuses in `answers`, then with 200."""

    def __init__(self) -> None:
        self.told: list[dict[str, object]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[int] = []
        super().__init__(HttpServer("127.0.0.1", 0, self._respond), "/webhook")

    def _respond(self, request: HttpRequest) -> HttpResponse:
        self.told.append(request.json())
        self.headers.append(request.headers)
        status = self.answers.pop(0) if self.answers else 200
        return HttpResponse(status, headers={"Location": request.path})
