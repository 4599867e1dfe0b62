"""Hotspot of the router: tables, logins, limits and sessions.

Time advances on access: every access first ends sessions whose time is over.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

from simulators.routeros.refusals import BAD_HOTSPOT_LOGIN, DUPLICATE_USER, Trap
from simulators.routeros.table import MenuTable, Row, TableSchema
from simulators.routeros.values import (
    FLAG,
    LIMIT,
    NUMBER,
    TEXT,
    TIME,
    TIME_LIMIT,
    TIME_OR_NONE,
    ValueType,
    format_duration,
    parse_duration,
    reference,
)

_ALL_SERVERS = "all"
_TRAFFIC = ("bytes-in", "bytes-out", "packets-in", "packets-out")


def _traffic_counters(kind: ValueType) -> dict[str, ValueType]:
    return dict.fromkeys(_TRAFFIC, kind)


def _server_shape() -> TableSchema:
    settable = {
        "name": TEXT,
        "interface": TEXT,
        "address-pool": TEXT,
        "profile": TEXT,
        "disabled": FLAG,
    }
    return TableSchema(settable, {}, {"profile": "default", "disabled": "false"})


def _profile_shape() -> TableSchema:
    settable = {
        "name": TEXT,
        "address-pool": TEXT,
        "session-timeout": TIME_LIMIT,
        "idle-timeout": TIME_OR_NONE,
        "keepalive-timeout": TIME_OR_NONE,
        "status-autorefresh": TIME_OR_NONE,
        "shared-users": NUMBER,
        "rate-limit": TEXT,
        "add-mac-cookie": FLAG,
        "mac-cookie-timeout": TIME,
        "parent-queue": TEXT,
        "address-list": TEXT,
        "transparent-proxy": FLAG,
        "on-login": TEXT,
        "on-logout": TEXT,
    }
    defaults = {
        "idle-timeout": "none",
        "keepalive-timeout": "2m",
        "status-autorefresh": "1m",
        "shared-users": "1",
        "add-mac-cookie": "true",
        "mac-cookie-timeout": "3d",
        "transparent-proxy": "false",
        "default": "false",
    }
    return TableSchema(settable, {"default": FLAG}, defaults)


def _user_shape(servers: MenuTable, profiles: MenuTable) -> TableSchema:
    settable = {
        "server": reference(lambda: [_ALL_SERVERS, *servers.names()], silent=_ALL_SERVERS),
        "name": TEXT,
        "password": TEXT,
        "profile": reference(profiles.names),
        "limit-uptime": TIME_LIMIT,
        "limit-bytes-in": LIMIT,
        "limit-bytes-out": LIMIT,
        "limit-bytes-total": LIMIT,
        "mac-address": TEXT,
        "address": TEXT,
        "email": TEXT,
        "routes": TEXT,
        "comment": TEXT,
        "disabled": FLAG,
    }
    counted = {"uptime": TIME, **_traffic_counters(NUMBER), "dynamic": FLAG, "default": FLAG}
    defaults = {
        "server": _ALL_SERVERS,
        "profile": "default",
        "uptime": "0s",
        **dict.fromkeys(_TRAFFIC, "0"),
        "dynamic": "false",
        "disabled": "false",
    }
    return TableSchema(
        settable, counted, defaults, unique=("name", "server"), duplicate=DUPLICATE_USER
    )


def _active_shape() -> TableSchema:
    texts = dict.fromkeys(("server", "user", "address", "mac-address", "login-by"), TEXT)
    counted = {**texts, "uptime": TIME, "session-time-left": TIME, **_traffic_counters(NUMBER)}
    return TableSchema({}, counted, dict.fromkeys(_TRAFFIC, "0"), unique=(), required=())


def _cookie_shape() -> TableSchema:
    texts = dict.fromkeys(("user", "domain", "mac-address"), TEXT)
    return TableSchema({}, {**texts, "expires-in": TIME}, {}, unique=(), required=())


class Hotspot:
    """Servers, profiles, users, sessions and cookies of one router."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """Create the factory configuration: a server, the default profile, the trial user."""
        self._clock = clock
        self.servers = MenuTable(_server_shape())
        self.profiles = MenuTable(_profile_shape())
        self.users = MenuTable(_user_shape(self.servers, self.profiles))
        self.active = MenuTable(_active_shape())
        self.cookies = MenuTable(_cookie_shape())
        self._addresses = count(2)
        self._seen = clock()
        self.servers.add({"name": "hotspot1", "interface": "bridge"})
        self.profiles.add({"name": "default"}, {"default": "true"})
        self.users.add(
            {"name": "default-trial", "comment": "counters and limits for trial users"},
            {"default": "true"},
        )

    def log_in(self, user: str, password: str, mac: str, login_by: str = "http-chap") -> str:
        """Log a user in and return the session id; raise Trap with the login page's message."""
        self.advance()
        row = self.users.find(name=user)
        if row is None or row["disabled"] == "true" or row.get("password", "") != password:
            raise Trap(BAD_HOTSPOT_LOGIN)
        return self._open(row, mac, login_by)

    def log_in_by_cookie(self, mac: str) -> str | None:
        """Log a device in by its cookie, without a password; None if that is not possible."""
        self.advance()
        cookie = self.cookies.find(**{"mac-address": mac})
        row = self.users.find(name=cookie["user"]) if cookie else None
        if row is None or row["disabled"] == "true":
            return None
        try:
            return self._open(row, mac, "mac-cookie")
        except Trap:
            return None

    def disconnect(self, session_id: str) -> None:
        """End a session; the device then tries its cookie."""
        mac = next(row["mac-address"] for row in self.active if row[".id"] == session_id)
        self.active.remove(session_id)
        self.log_in_by_cookie(mac)

    def add_traffic(self, user: str, bytes_in: int, bytes_out: int) -> None:
        """Add traffic to a user's session."""
        for row in (self._user(user), self.active.find(user=user)):
            if row:
                row["bytes-in"] = str(int(row["bytes-in"]) + bytes_in)
                row["bytes-out"] = str(int(row["bytes-out"]) + bytes_out)
        self.advance()

    def advance(self) -> None:
        """Account for elapsed time and end sessions that reached a limit."""
        now = self._clock()
        passed = int((now - self._seen).total_seconds())
        if passed < 1 and not self.active:
            return
        self._seen += timedelta(seconds=passed)
        for cookie in list(self.cookies):
            left = (parse_duration(cookie["expires-in"]) or 0) - passed
            cookie["expires-in"] = format_duration(max(left, 0))
            if left <= 0:
                self.cookies.remove(cookie[".id"])
        for session in list(self.active):
            self._advance_session(session, passed)

    def power_off(self) -> None:
        """End all sessions; users, profiles and cookies persist."""
        self.advance()
        for session in list(self.active):
            self.active.remove(session[".id"])

    def _advance_session(self, session: Row, passed: int) -> None:
        user = self._user(session["user"])
        session["uptime"] = format_duration((parse_duration(session["uptime"]) or 0) + passed)
        if user is None:
            return  # the user was removed while online: the session has no limits
        limit = parse_duration(user.get("limit-uptime", "")) or 0
        used = (parse_duration(user["uptime"]) or 0) + passed
        user["uptime"] = format_duration(min(used, limit) if limit else used)
        if _limit_reached(user):
            self.active.remove(session[".id"])
        elif limit:
            session["session-time-left"] = format_duration(limit - used)

    def _open(self, user: Row, mac: str, login_by: str) -> str:
        name = user["name"]
        if reached := _limit_reached(user):
            raise Trap(f"user {name} has reached {reached} limit")
        profile = self.profiles.find(name=user["profile"])
        online = sum(session["user"] == name for session in self.active)
        shared = int(profile["shared-users"]) if profile else 1
        if online >= shared:
            raise Trap(f"no more sessions are allowed for user {name}")
        session = self.active.add(
            {},
            {
                "server": "hotspot1",
                "user": name,
                "address": f"10.5.50.{next(self._addresses) % 254}",
                "mac-address": mac,
                "login-by": login_by,
                "uptime": "0s",
            },
        )
        if profile and profile["add-mac-cookie"] == "true":
            self._store_cookie(name, mac, profile["mac-cookie-timeout"])
        return session

    def _store_cookie(self, user: str, mac: str, lasts: str) -> None:
        if known := self.cookies.find(user=user, **{"mac-address": mac}):
            known["expires-in"] = lasts
        else:
            self.cookies.add({}, {"user": user, "mac-address": mac, "expires-in": lasts})

    def _user(self, name: str) -> Row | None:
        return self.users.find(name=name)


def _limit_reached(user: Row) -> str | None:
    uptime = parse_duration(user.get("limit-uptime", "")) or 0
    if uptime and (parse_duration(user["uptime"]) or 0) >= uptime:
        return "uptime"
    got, sent = int(user["bytes-in"]), int(user["bytes-out"])
    used = {"limit-bytes-in": got, "limit-bytes-out": sent, "limit-bytes-total": got + sent}
    if any(0 < int(user.get(name, 0)) <= count for name, count in used.items()):
        return "traffic"
    return None
