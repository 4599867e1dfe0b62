"""`ticketing preflight`."""

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import now
from ticketing.platform.cli.options import EventOption, JsonOption
from ticketing.platform.cli.output import print_json, stdout_console


def preflight(slug: EventOption, *, as_json: JsonOption = False) -> None:
    """List what to repair before an event.

    Template, names, tickets, guests, orders, messages and the checks of `doctor`, each with the
    command that repairs it. Exit code 1 when something blocks.
    """
    from rich.markup import escape

    from ticketing.app.preflight import list_items
    from ticketing.monitoring.preflight.item import Severity

    with open_event(slug) as (application, event):
        items = list(list_items(application, event, at=now()))
    blocking = sum(item.severity is Severity.BLOCKING for item in items)
    if as_json:
        print_json({"event": event.slug, "blocking": blocking, "items": items})
        raise typer.Exit(1 if blocking else 0)
    colours = {Severity.OK: "green", Severity.WARNING: "yellow", Severity.BLOCKING: "red",
               Severity.NOT_RECORDED: "blue"}  # fmt: skip
    out = stdout_console()
    for item in items:
        count = f": {item.count:,}" if item.count else ""
        mark = f"[{colours[item.severity]}]{item.severity:<12}[/]"
        out.print(f"{mark} {escape(item.subject)}{count}")
        if item.severity is not Severity.OK:
            for text in (*item.examples, f"-> {item.command}"):
                out.print(f"{'':<15}{escape(text)}")
    out.print(f"{blocking} items block {escape(event.name)}." if blocking else "Nothing blocks.")
    raise typer.Exit(1 if blocking else 0)
