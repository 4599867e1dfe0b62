"""The router simulator on its ports, in its own thread."""

import asyncio
import selectors
import socket
import ssl
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from threading import Thread
from typing import Any, Self, TypeVar

from simulators.routeros.accounts import ApiAccount
from simulators.routeros.faults import RouterFaults
from simulators.routeros.lane import SerialQueue
from simulators.routeros.machine import Machine
from simulators.routeros.session import ApiSession

ACCOUNT = ApiAccount("ticketing", "simulator-password")

_MAX_SESSIONS = 20
_BACKLOG = 128
_LOOP_TIMEOUT_SECONDS = 60
Result = TypeVar("Result")


def _now() -> datetime:
    return datetime.now(UTC)


class RouterOsSimulator:
    """Simulated router, running inside `with`; methods run in the event loop's thread."""

    def __init__(
        self,
        version: str = "7.18.2",
        *,
        accounts: tuple[ApiAccount, ...] = (ACCOUNT,),
        host: str = "127.0.0.1",
        port: int = 0,
        tls_port: int = 0,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Configure the router; the version determines login, `!empty` and dates.

        With `tls` a second port is opened.
        """
        self.machine = Machine(version, clock)
        self.faults = RouterFaults()
        self.accounts = {account.name: account for account in accounts}
        self.sessions: set[ApiSession] = set()
        self.host, self.port, self.tls_port = host, port, tls_port
        self._tls = tls
        self._listeners: list[socket.socket] = []
        self._coming_back: asyncio.TimerHandle | None = None
        # the default selector rounds up to milliseconds, a fifth of a command's time
        self._loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
        self.lane = SerialQueue(self._loop)
        self._thread = Thread(target=self._loop.run_forever, name="routeros")

    def __enter__(self) -> Self:
        """Open the ports; `port` and `tls_port` hold the chosen numbers."""
        self._thread.start()
        self.power_on()
        return self

    def __exit__(self, *_: object) -> None:
        self._wait_for(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run_in_loop(self, action: Callable[[], Result]) -> Result:
        """Run an action in the event loop's thread and return its result."""

        async def run() -> Result:
            return action()

        return self._wait_for(run())

    def users(self) -> list[dict[str, str]]:
        """Return all hotspot users except the trial user, as print shows them."""
        table = self.machine.hotspot.users
        shown = self.run_in_loop(lambda: [table.to_printed_row(row) for row in table])
        return [row for row in shown if row.get("default") != "true"]

    def online_users(self) -> list[str]:
        """Return the names of users with a session."""

        def names() -> list[str]:
            self.machine.hotspot.advance()
            return [row["user"] for row in self.machine.hotspot.active]

        return self.run_in_loop(names)

    def cookies(self) -> list[str]:
        """Return the names of users whose devices have a login cookie."""
        return self.run_in_loop(lambda: [row["user"] for row in self.machine.hotspot.cookies])

    def add_profile(self, name: str, **properties: str) -> None:
        """Add a user profile; `shared_users="3"` sets RouterOS' shared-users."""
        given = {key.replace("_", "-"): value for key, value in properties.items()}
        self.run_in_loop(lambda: self.machine.hotspot.profiles.add({"name": name, **given}))

    def add_user(self, name: str, **properties: str) -> None:
        """Add a user that another program created."""
        given = {key.replace("_", "-"): value for key, value in properties.items()}
        self.run_in_loop(lambda: self.machine.hotspot.users.add({"name": name, **given}))

    def compare_names_without_case(self) -> None:
        """Refuse users whose name differs from another's only in case."""
        self.run_in_loop(self.machine.hotspot.users.compare_without_case)

    def log_in(self, user: str, password: str, mac: str) -> None:
        """Log in on the login page; raise Trap with the page's message."""
        self.run_in_loop(lambda: self.machine.hotspot.log_in(user, password, mac))

    def add_traffic(self, user: str, *, bytes_in: int, bytes_out: int) -> None:
        """Add traffic to an online user."""
        self.run_in_loop(lambda: self.machine.hotspot.add_traffic(user, bytes_in, bytes_out))

    def power_off(self) -> None:
        """Close all connections and stop listening."""
        self.run_in_loop(self._power_off)

    def power_on(self) -> None:
        """Listen again on the same ports."""
        self.run_in_loop(self._power_on)

    def restart(self, seconds: float = 0.0) -> None:
        """Power-cycle the router; it listens again after `seconds`."""
        self.run_in_loop(partial(self.reboot, seconds, reset=False))

    def reset(self) -> None:
        """Restore factory settings; API accounts stay."""
        self.run_in_loop(self.machine.reset)

    def can_accept(self) -> bool:
        """Return whether another connection is allowed; call it in the loop's thread."""
        return len(self.sessions) < _MAX_SESSIONS

    def reboot(self, seconds: float, *, reset: bool) -> None:
        """Restart and listen again after `seconds`; call it in the loop's thread."""
        self._power_off()
        if reset:
            self.machine.reset()
        self.machine.restart()
        if seconds:
            self._coming_back = self._loop.call_later(seconds, self._power_on)
        else:
            self._power_on()

    def _power_off(self) -> None:
        if self._coming_back:
            self._coming_back.cancel()
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            listener.close()
        self._listeners.clear()
        self.lane.clear()
        for session in list(self.sessions):
            session.close()

    def _power_on(self) -> None:
        if self._listeners:
            return
        self.port = self._open(self.port, None)
        if self._tls:
            self.tls_port = self._open(self.tls_port, self._tls)

    def _open(self, port: int, tls: ssl.SSLContext | None) -> int:
        """Listen on a port; clients connect but are not served yet."""
        listener = socket.create_server((self.host, port), backlog=_BACKLOG)
        self._listeners.append(listener)
        self._loop.create_task(self._serve(listener, tls))
        return int(listener.getsockname()[1])

    async def _serve(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        if listener in self._listeners:
            meet = partial(ApiSession, self, self._loop)
            await self._loop.create_server(meet, sock=listener, ssl=tls)

    async def _close(self) -> None:
        self._power_off()
        await asyncio.sleep(0)  # let transports close their sockets

    def _wait_for(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_LOOP_TIMEOUT_SECONDS)
