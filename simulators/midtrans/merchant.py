"""The other side for tests of the simulator: somebody who is notified, and remembers."""

from simulators.http import HttpRequest, HttpResponse, HttpServer, WebhookListener


class MerchantWebhook(WebhookListener):
    """A webhook from `with` on. It answers with `answers` one by one, then with 200."""

    def __init__(self) -> None:
        """Nothing told yet."""
        self.told: list[dict[str, object]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[int] = []
        super().__init__(HttpServer("127.0.0.1", 0, self._respond), "/webhook")

    def _respond(self, request: HttpRequest) -> HttpResponse:
        self.told.append(request.json())
        self.headers.append(request.headers)
        status = self.answers.pop(0) if self.answers else 200
        return HttpResponse(status, headers={"Location": request.path})
