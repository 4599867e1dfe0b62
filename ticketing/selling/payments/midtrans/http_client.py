"""HTTP requests to Midtrans: deadlines, retries, and the pauses that the gateway asks for.

A hanging answer is waited for until a deadline, a short one for a question about a status. A pause
that one thread is asked for is kept by all threads of the client.
"""

import math
import random
import time
from collections.abc import Callable, Mapping

import httpx

from ticketing.platform.kernel.errors import GatewayUnavailable
from ticketing.platform.kernel.tls_trust import trusted
from ticketing.selling.payments.midtrans.call_count import GatewayCall, count_call
from ticketing.selling.payments.midtrans.notification import Json
from ticketing.selling.payments.midtrans.responses import read_response
from ticketing.selling.payments.midtrans.shared_pause import SharedPause

READ_SECONDS = 20
_TRIES = 3
_INITIAL_BACKOFF_SECONDS = 0.5
_MAX_BACKOFF_SECONDS = 10
_MAX_PAUSE_SECONDS = 3600
_CONNECT_SECONDS = 5
# by try: most answers take less than a second, and a question about a status can be asked again at
# once, but a gateway that is slow for all has to be waited for
_STATUS_SECONDS = (5, 10, 20)
# a connection for each thread that asks; a new one costs a TLS handshake
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=64)


def sleep_with_jitter(seconds: float) -> None:
    """Sleep for this time or somewhat longer, so that clients do not retry at the same moment."""
    time.sleep(seconds * random.uniform(1, 1.5))  # noqa: S311 - jitter, not a secret


class MidtransHttp:
    """Sends requests that are safe to repeat. Thread-safe."""

    def __init__(
        self,
        server_key: str,
        *,
        headers: Mapping[str, str],
        read_seconds: float,
        pause: Callable[[float], None],
    ) -> None:
        """Create a client; connections are opened on demand."""
        self._read_seconds = read_seconds
        self._pause = pause
        self._shared_pause = SharedPause()
        self._client = httpx.Client(
            auth=(server_key, ""),
            headers={"Accept": "application/json", "User-Agent": "ticketing", **headers},
            limits=_LIMITS,
            verify=trusted(),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get_status(self, url: str) -> Json:
        """Return the answer to a question about a status."""
        return self._request(GatewayCall.STATUS, "GET", url, None)

    def ask_once(self, url: str, *, seconds: float) -> Json:
        """Return the answer to a question that is not repeated."""
        return self._send("GET", url, None, seconds=seconds)

    def post(self, kind: GatewayCall, url: str, payload: Json) -> Json:
        """Post and return the body of a successful answer."""
        return self._request(kind, "POST", url, payload)

    def _request(self, kind: GatewayCall, method: str, url: str, payload: Json | None) -> Json:
        """Return the body of a successful answer; without an answer, try again."""
        self._wait(0)
        for tried in range(1, _TRIES + 1):
            count_call(kind)
            try:
                return self._send(method, url, payload, seconds=self._deadline(kind, tried))
            except GatewayUnavailable as unavailable:
                self._keep_pause(unavailable, tried)
                if tried == _TRIES:
                    raise
            self._wait(_INITIAL_BACKOFF_SECONDS * 2**tried)
        raise AssertionError("the last try returns or raises")

    def _deadline(self, kind: GatewayCall, tried: int) -> float:
        """Return the seconds after which an answer is not waited for any more."""
        if kind is not GatewayCall.STATUS:
            return self._read_seconds
        return min(self._read_seconds, _STATUS_SECONDS[tried - 1])

    def _wait(self, backoff: float) -> None:
        """Wait before a request; refuse to wait long, since a buyer or a queue may be waiting."""
        wait = max(backoff, math.ceil(self._shared_pause.remaining_seconds()))
        if wait > _MAX_BACKOFF_SECONDS:
            raise GatewayUnavailable(
                f"Midtrans asked for a pause, of which {wait} s remain", retry_after_seconds=wait
            )
        if wait:
            self._pause(wait)

    def _keep_pause(self, unavailable: GatewayUnavailable, tried: int) -> None:
        """Let all threads wait if the gateway asked for it."""
        retry_after = unavailable.details.get("retry_after_seconds")
        if isinstance(retry_after, int):
            self._shared_pause.extend(min(retry_after, _MAX_PAUSE_SECONDS))
        elif unavailable.details.get("status") == httpx.codes.TOO_MANY_REQUESTS:
            self._shared_pause.extend(_INITIAL_BACKOFF_SECONDS * 2**tried)

    def _send(self, method: str, url: str, payload: Json | None, *, seconds: float) -> Json:
        deadline = time.monotonic() + seconds
        timeout = httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
        try:
            with self._client.stream(method, url, json=payload, timeout=timeout) as response:
                content = _read_content(response, deadline)
        except httpx.RequestError as error:
            raise GatewayUnavailable(f"Midtrans: no answer ({type(error).__name__})") from error
        return read_response(response, content)


def _read_content(response: httpx.Response, deadline: float) -> bytes:
    """Return the body; the client's timeout alone would begin anew with every chunk."""
    chunks = list[bytes]()
    for chunk in response.iter_bytes():
        chunks.append(chunk)
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the answer takes too long", request=response.request)
    return b"".join(chunks)
