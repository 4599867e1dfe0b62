"""The other side for tests of the simulator: somebody who is notified, and remembers."""

from threading import Thread
from typing import Self

from simulators.http import Answer, Request, Server


class Merchant:
    """A webhook from `with` on. It answers with `answers` one by one, then with 200."""

    def __init__(self) -> None:
        """Nothing told yet."""
        self.told: list[dict[str, object]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[int] = []
        self._server = Server("127.0.0.1", 0, self._respond)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhook"

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _respond(self, request: Request) -> Answer:
        self.told.append(request.json())
        self.headers.append(request.headers)
        status = self.answers.pop(0) if self.answers else 200
        return Answer(status, headers={"Location": request.path})
