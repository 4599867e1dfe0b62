"""`ticketing promo`: add, list, end."""

from datetime import datetime
from typing import Annotated

import typer

from ticketing.cli.console import (
    JsonOption,
    actor,
    listing,
    now,
    open_application,
    print_json,
    screen,
)
from ticketing.cli.events import FORMATS
from ticketing.cli.sale import MOST_RUPIAH, EventArgument

app = typer.Typer(help="Make and end promo codes.", no_args_is_help=True)


@app.command("add")
def add_promo(
    event: EventArgument,
    code: Annotated[str, typer.Argument(help="The code: EARLY10.")],
    *,
    percent: Annotated[int | None, typer.Option(min=1, max=100, help="Takes off so much.")] = None,
    fixed: Annotated[
        int | None, typer.Option(min=1, max=MOST_RUPIAH, help="Takes off so many rupiah.")
    ] = None,
    begins: Annotated[
        datetime | None,
        typer.Option("--from", formats=FORMATS, help="On the venue's own clock; now without it."),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=FORMATS, help="The same; the event's end without it.")
    ] = None,
    max_uses: Annotated[int | None, typer.Option(min=1, help="In how many orders.")] = None,
    name: Annotated[str | None, typer.Option("--type", help="Only for this ticket type.")] = None,
) -> None:
    """Make a promo code."""
    from zoneinfo import ZoneInfo

    from ticketing.actions.promo_codes import add_promo as make
    from ticketing.domain.promotions import NewPromo, PromoKind, promo_code
    from ticketing.store.events import find_event

    if (percent is None) == (fixed is None):
        raise typer.BadParameter("say either --percent or --fixed")
    with open_application() as application:
        known = find_event(application.database, event)
        zone = ZoneInfo(known.time_zone)
        new = NewPromo(
            code=promo_code(code),
            kind=PromoKind.FIXED if percent is None else PromoKind.PERCENT,
            value=percent or fixed or 0,
            valid_from=begins.replace(tzinfo=zone) if begins else now(),
            valid_until=until.replace(tzinfo=zone) if until else known.ends_at,
            max_uses=max_uses,
        )
        make(application.database, known, new, ticket_type=name, by=actor())
    screen().print(f"{known.slug}: promo code {new.code} is there")


@app.command("list")
def list_promos(event: EventArgument, *, as_json: JsonOption = False) -> None:
    """List the event's promo codes and how often each was used."""
    from dataclasses import asdict

    from ticketing.actions.promo_codes import promo_uses
    from ticketing.store.events import find_event

    with open_application() as application:
        known = find_event(application.database, event)
        uses = promo_uses(application.database, known)
    if as_json:
        print_json([asdict(one) for one in uses])
        return
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(known.time_zone)
    table = listing("code", "takes off", "of", "from", "until", "used", "at most")
    for one in uses:
        table.add_row(
            one.code,
            f"{one.value} %" if one.kind == "percent" else f"Rp{one.value:,}".replace(",", "."),
            one.ticket_type or "everything",
            f"{one.valid_from.astimezone(zone):%Y-%m-%d %H:%M %Z}",
            f"{one.valid_until.astimezone(zone):%Y-%m-%d %H:%M %Z}",
            f"{one.used:,}",
            "-" if one.max_uses is None else f"{one.max_uses:,}",
        )
    screen().print(table)


@app.command("end")
def end_promo(event: EventArgument, code: Annotated[str, typer.Argument()]) -> None:
    """End a promo code now; orders that used it keep their price."""
    from ticketing.actions.promo_codes import end_promo as end
    from ticketing.store.events import find_event

    with open_application() as application:
        known = find_event(application.database, event)
        end(application.database, known, code, at=now(), by=actor())
    screen().print(f"{known.slug}: promo code {code.upper()} has ended")
