"""`ticketing checkin`: lists, pairing and shutting out phones, scans, report."""

import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now
from ticketing.platform.cli.options import EventOption, JsonOption, parse_choice
from ticketing.platform.cli.output import print_json, print_list, print_result, print_text

if TYPE_CHECKING:
    from ticketing.checkin.model import CheckIn, CheckInList

app = typer.Typer(no_args_is_help=True)
lists = typer.Typer(no_args_is_help=True)
app.add_typer(lists, name="lists", help="Lists of an event: what admits a ticket once.")

TypesOption = Annotated[
    list[str] | None,
    typer.Option("--type", help="Only this ticket type (repeatable); all lifts a restriction."),
]
ReentryOption = Annotated[
    bool | None, typer.Option("--reentry/--no-reentry", help="Whether an exit lets in again.")
]
ListOption = Annotated[
    str | None, typer.Option("--list", help="The list; by default the entrance.")
]
GateOption = Annotated[str, typer.Option("--gate", help="Name of the gate.")]


@lists.command("list")
def list_lists(slug: EventOption, *, as_json: JsonOption = False) -> None:
    """List the check-in lists of an event; the first is the entrance."""
    from ticketing.checkin.lists import list_lists as find_lists

    with open_event(slug) as (application, event):
        found = find_lists(application.database, event, at=now())
    _print_lists(found, as_json=as_json)


@lists.command("create")
def create_list(
    name: Annotated[str, typer.Argument(help="Name of the list.")],
    slug: EventOption,
    *,
    types: TypesOption = None,
    reentry: ReentryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a check-in list, for example for a lounge or a meal."""
    from ticketing.checkin.lists import add_list

    with open_event(slug) as (application, event):
        added = add_list(
            application.database, event, name, types=types, allows_reentry=bool(reentry),
            by=actor(), at=now(),
        )  # fmt: skip
    _print_lists([added], as_json=as_json)


@lists.command("update")
def update_list(
    name: Annotated[str, typer.Argument(help="Name of the list.")],
    slug: EventOption,
    *,
    types: TypesOption = None,
    reentry: ReentryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a check-in list. Omitted options stay unchanged."""
    from ticketing.checkin.lists import change_list

    with open_event(slug) as (application, event):
        changed = change_list(
            application.database, event, name, types=types, allows_reentry=reentry, by=actor(),
            at=now(),
        )  # fmt: skip
    _print_lists([changed], as_json=as_json)


@app.command("pair")
def pair_gate(
    slug: EventOption,
    gate: GateOption,
    *,
    hours: Annotated[int, typer.Option(min=1, help="How long the phone's key is valid.")] = 24,
    as_json: JsonOption = False,
) -> None:
    """Print a code with which one phone becomes a gate; it works once, for ten minutes."""
    from ticketing.checkin.pairing import create_pairing

    with open_event(slug) as (application, event):
        pairing = create_pairing(
            application.database, event, gate, hours=hours, by=actor(), at=now()
        )
    result = {"gate": pairing.gate, "code": pairing.code, "expiresAt": pairing.expires_at}
    print_result(result, pairing.code, as_json=as_json)


@app.command("gates")
def list_gates(slug: EventOption, *, as_json: JsonOption = False) -> None:
    """List the phones that were paired, with their last scan."""
    from ticketing.checkin import pairing

    with open_event(slug) as (application, event):
        found = pairing.list_gates(application.database, event)
    print_list(
        found,
        {
            "gate": lambda one: one.name,
            "paired": lambda one: one.created_at,
            "expires": lambda one: one.expires_at,
            "shut out": lambda one: one.revoked_at,
            "last seen": lambda one: one.last_used_at,
            "last scan": lambda one: one.last_scan_at,
            "scans": lambda one: one.scans,
        },
        as_json=as_json,
        empty="No gates. `ticketing checkin pair` adds one.",
    )


@app.command("shut-out")
def shut_out(gate: GateOption, slug: EventOption, *, as_json: JsonOption = False) -> None:
    """Shut out a lost phone: its next request is refused."""
    from ticketing.checkin.pairing import revoke_gate

    with open_event(slug) as (application, event):
        revoke_gate(application.database, event, gate, by=actor())
    print_result({"gate": gate, "shutOut": True}, f"{gate} is shut out.", as_json=as_json)


@app.command("scan")
def scan_ticket(
    code: Annotated[str, typer.Argument(help="Text of a QR code, or a ticket code.")],
    slug: EventOption,
    *,
    list_name: ListOption = None,
    direction: Annotated[str, typer.Option(help="entry or exit.")] = "entry",
    as_json: JsonOption = False,
) -> None:
    """Use a ticket up. Exit code 1 when it is refused."""
    from ticketing.checkin.lists import get_list
    from ticketing.checkin.model import Direction, Scan, Verdict
    from ticketing.checkin.record_scan import record_scan

    scan = Scan(
        secrets.token_urlsafe(12), code, direction=parse_choice(direction, Direction, "--direction")
    )
    with open_event(slug) as (application, event):
        wanted = get_list(application.database, event, list_name, at=now())
        done = record_scan(
            application.database, event, scan, list_id=wanted.id, gate=actor(), at=now()
        )
    _print_scan(done, as_json=as_json)
    raise typer.Exit(0 if done.verdict is Verdict.ADMITTED else 1)


@app.command("undo")
def undo(
    nonce: Annotated[str, typer.Argument(help="Nonce of the scan, as `scan --json` shows it.")],
    slug: EventOption,
    *,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Undo an admission, so that the ticket can be used again."""
    from ticketing.checkin.record_scan import undo_scan

    with open_event(slug) as (application, event):
        done = undo_scan(application.database, event, nonce, reason=reason, by=actor(), at=now())
    print_result({"nonce": nonce, "undoneAt": done.undone_at}, f"Undid {nonce}.", as_json=as_json)


@app.command("report")
def report(slug: EventOption, *, as_json: JsonOption = False) -> None:
    """Show how many tickets were used, by list and by gate, and the conflicts."""
    from ticketing.checkin import count_queries, scan_queries

    with open_event(slug) as (application, event):
        by_list = application.database.run(count_queries.count_by_list, event.id)
        by_gate = application.database.run(count_queries.count_by_gate, event.id)
        conflicts = application.database.run(scan_queries.list_conflicts, event.id, limit=100)
    if as_json:
        print_json({"lists": by_list, "gates": by_gate, "conflicts": conflicts})
        return
    print_list(
        by_list,
        {
            "list": lambda one: one.name,
            "expected": lambda one: one.expected,
            "entered": lambda one: one.entered,
            "inside": lambda one: one.inside,
            "refused": lambda one: one.refused,
            "conflicts": lambda one: one.conflicts,
        },
        as_json=False,
        empty="No scans yet.",
    )
    for one in conflicts:
        print_text(f"conflict: {_describe(one)}")


def _print_lists(found: "list[CheckInList]", *, as_json: bool) -> None:
    print_list(
        found,
        {
            "id": lambda one: one.id,
            "name": lambda one: one.name,
            "types": lambda one: (
                "all" if one.ticket_type_ids is None else ", ".join(map(str, one.ticket_type_ids))
            ),
            "re-entry": lambda one: "yes" if one.allows_reentry else "no",
        },
        as_json=as_json,
        empty="No lists.",
    )


def _print_scan(done: "CheckIn", *, as_json: bool) -> None:
    if as_json:
        print_json(done)
    else:
        print_text(_describe(done))


def _describe(done: "CheckIn") -> str:
    who = f"{done.ticket.ticket_code} {done.ticket.full_name}" if done.ticket else "no ticket"
    reason = f", {done.reason}" if done.reason else ""
    earlier = f" ({done.related.scanned_at:%H:%M:%S} {done.related.gate})" if done.related else ""
    return f"{who}: {done.verdict}{reason}{earlier} at {done.list_name}, {done.gate}"
