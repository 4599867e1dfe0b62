"""Router state: menus and the effect of each command. Connections are in session.py."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from simulators.routeros.accounts import ApiAccount
from simulators.routeros.hotspot import Hotspot
from simulators.routeros.queries import matches
from simulators.routeros.refusals import Trap, no_such_command
from simulators.routeros.sentences import Command
from simulators.routeros.table import MenuTable, Row, TableSchema
from simulators.routeros.values import FLAG, TEXT, format_duration

_PRINT_OPTIONS = {"detail", "stats", "count-only", ".proplist"}
_TABLE_VERBS = {"print", "getall", "add", "set", "remove", "enable", "disable", "comment"}
_READ_ONLY_VERBS = {"print", "getall"}
_JAKARTA = timedelta(hours=7)

Answer = tuple[list[Row], Row]  # rows of !re, attributes of !done


def parse_version(text: str) -> tuple[int, ...]:
    """Parse a version such as `7.18.2` into comparable numbers."""
    return tuple(int(part) for part in text.split("."))


def _script_shape() -> TableSchema:
    settable = dict.fromkeys(("name", "source", "comment", "owner", "policy"), TEXT)
    return TableSchema(settable, {}, {})


def _scheduler_shape() -> TableSchema:
    texts = ("name", "start-date", "start-time", "interval", "on-event", "comment", "policy")
    return TableSchema({**dict.fromkeys(texts, TEXT), "disabled": FLAG}, {}, {"disabled": "false"})


class Machine:
    """State of one router; `reset` is a factory reset, `restart` a power cycle."""

    def __init__(self, version: str, clock: Callable[[], datetime]) -> None:
        """Create a router with factory settings."""
        self.version = version
        self.number = parse_version(version)
        self.clock = clock
        self.reset()

    def reset(self) -> None:
        """Restore factory settings; ids start again."""
        self.identity = "MikroTik"
        self.started = self.clock()
        self.hotspot = Hotspot(self.clock)
        self._tables = {
            "/ip/hotspot": self.hotspot.servers,
            "/ip/hotspot/user": self.hotspot.users,
            "/ip/hotspot/user/profile": self.hotspot.profiles,
            "/ip/hotspot/active": self.hotspot.active,
            "/ip/hotspot/cookie": self.hotspot.cookies,
            "/system/script": MenuTable(_script_shape()),
            "/system/scheduler": MenuTable(_scheduler_shape()),
        }

    def restart(self) -> None:
        """End all hotspot sessions and restart the uptime; configuration persists."""
        self.hotspot.power_off()
        self.started = self.clock()

    def count_rows(self, word: str) -> int:
        """Return the number of rows in the menu of a command word."""
        table = self._tables.get(word.rpartition("/")[0])
        return len(table) if table else 0

    def execute(self, command: Command, account: ApiAccount) -> Answer:
        """Execute a command or raise Trap; the server handles commands that end connections."""
        if command.menu == "/system/identity" and command.verb == "set":
            account.check(command.verb)
            self.identity = command.given.get("name", self.identity)
            return [], {}
        singles = {
            "/system/identity": self._identity,
            "/system/resource": self._resource,
            "/system/clock": self._time,
        }
        if command.menu in singles:
            if command.verb not in _READ_ONLY_VERBS:
                raise no_such_command(prefix=False)
            account.check(command.verb)
            return _project_columns(command, [singles[command.menu]()]), {}
        table = self._tables.get(command.menu)
        if table is None:
            raise no_such_command(prefix=True)
        account.check(command.verb)
        self.hotspot.advance()
        return self._on_table(table, command, account)

    def _on_table(self, table: MenuTable, command: Command, account: ApiAccount) -> Answer:
        verb, given = command.verb, dict(command.given)
        if verb in _READ_ONLY_VERBS:
            return self._print(table, command, account)
        if verb == "remove":
            for row_id in _ids(table, given):
                self._remove(table, row_id)
            return [], {}
        if command.menu == "/ip/hotspot/active":
            return self._active(verb, given)
        if verb == "reset-counters" and table is self.hotspot.users:
            self._reset_counters(given)
            return [], {}
        if verb not in _TABLE_VERBS or not table.shape.settable:
            raise no_such_command(prefix=False)
        if verb == "add":
            return [], {"ret": table.add(given)}
        fixed = {"enable": {"disabled": "no"}, "disable": {"disabled": "yes"}}.get(verb)
        for row_id in _ids(table, given):
            table.change(row_id, fixed or _without_ids(given))
        return [], {}

    def _active(self, verb: str, given: Row) -> Answer:
        if verb != "login":
            raise no_such_command(prefix=False)
        mac = given.get("mac-address", "")
        session = self.hotspot.log_in(given.get("user", ""), given.get("password", ""), mac)
        return [], {"ret": session}

    def _remove(self, table: MenuTable, row_id: str) -> None:
        if table is self.hotspot.active:
            self.hotspot.disconnect(row_id)
        else:
            table.remove(row_id)

    def _reset_counters(self, given: Row) -> None:
        ids = set(_ids(self.hotspot.users, given))
        for row in self.hotspot.users:
            if row[".id"] in ids:
                zero = dict.fromkeys(("bytes-in", "bytes-out", "packets-in", "packets-out"), "0")
                row.update(zero, uptime="0s")

    def _print(self, table: MenuTable, command: Command, account: ApiAccount) -> Answer:
        for name in command.given:
            if name not in _PRINT_OPTIONS:
                raise Trap(f"unknown parameter {name}")
        rows = [account.redact(table.to_printed_row(row)) for row in table]
        selected = [row for row in rows if matches(row, command.queries, table.kinds)]
        if "count-only" in command.given:
            return [], {"ret": str(len(selected))}
        return _project_columns(command, selected), {}

    def _identity(self) -> Row:
        return {"name": self.identity}

    def _resource(self) -> Row:
        up = int((self.clock() - self.started).total_seconds())
        return {
            "uptime": format_duration(up),
            "version": f"{self.version} (stable)",
            "cpu-load": "3",
            "free-memory": "402653184",
            "total-memory": "1073741824",
            "cpu-count": "4",
            "architecture-name": "arm64",
            "board-name": "RB5009UG+S+",
            "platform": "MikroTik",
        }

    def _time(self) -> Row:
        local = self.clock() + _JAKARTA
        old = f"{local:%b}".lower() + f"{local:/%d/%Y}"
        return {
            "time": f"{local:%H:%M:%S}",
            "date": f"{local:%Y-%m-%d}" if self.number >= (7, 10) else old,
            "time-zone-autodetect": "true",
            "time-zone-name": "Asia/Jakarta",
            "gmt-offset": "+07:00",
            "dst-active": "false",
        }


def _project_columns(command: Command, rows: Iterable[Row]) -> list[Row]:
    selected = command.given.get(".proplist")
    if not selected:
        return list(rows)
    names = selected.split(",")
    return [{name: row[name] for name in names if name in row} for row in rows]


def _ids(table: MenuTable, given: Row) -> Iterator[str]:
    """Yield the ids of the selected rows; rows before a missing one are already processed."""
    meant = given.get(".id") or given.get("numbers")
    if not meant:
        raise Trap("missing =.id=")
    for each in meant.split(","):
        yield table.resolve_id(each)


def _without_ids(given: Row) -> Row:
    return {name: value for name, value in given.items() if name not in {".id", "numbers"}}
