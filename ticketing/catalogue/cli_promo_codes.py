"""`ticketing promos`: create, list, disable."""

from datetime import datetime
from typing import Annotated

import typer

from ticketing.events.cli_context import open_event
from ticketing.platform.cli.console import actor, now
from ticketing.platform.cli.options import MAX_RUPIAH, TIME_FORMATS, EventOption, JsonOption
from ticketing.platform.cli.output import print_list, print_result

app = typer.Typer(no_args_is_help=True)

CodeArgument = Annotated[str, typer.Argument(help="The promo code: EARLY10.")]


@app.command("create")
def create_promo(
    slug: EventOption,
    code: CodeArgument,
    *,
    percent: Annotated[
        int | None, typer.Option(min=1, max=100, help="Discount in percent.")
    ] = None,
    fixed: Annotated[
        int | None, typer.Option(min=1, max=MAX_RUPIAH, help="Discount in rupiah.")
    ] = None,
    begins: Annotated[
        datetime | None,
        typer.Option("--from", formats=TIME_FORMATS, help="Start in the venue's time; now if new."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=TIME_FORMATS, help="End; default: the end of the event."),
    ] = None,
    max_uses: Annotated[int | None, typer.Option(min=1, help="Maximum number of orders.")] = None,
    ticket_type: Annotated[
        str | None, typer.Option("--type", help="Only for this ticket type.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Create a promo code."""
    from zoneinfo import ZoneInfo

    from ticketing.catalogue.promo_code import NewPromo, PromoKind, normalise_promo_code
    from ticketing.catalogue.promo_codes import add_promo
    from ticketing.platform.kernel.wall_clock import to_instant

    if (percent is None) == (fixed is None):
        raise typer.BadParameter("use either --percent or --fixed")
    with open_event(slug) as (application, event):
        zone = ZoneInfo(event.time_zone)
        new = NewPromo(
            code=normalise_promo_code(code),
            kind=PromoKind.FIXED if percent is None else PromoKind.PERCENT,
            value=percent or fixed or 0,
            valid_from=to_instant(begins, zone, field="from") if begins else now(),
            valid_until=to_instant(until, zone, field="until") if until else event.ends_at,
            max_uses=max_uses,
        )
        add_promo(application.database, event, new, ticket_type=ticket_type, by=actor())
    print_result(new, f"{event.slug}: created promo code {new.code}.", as_json=as_json)


@app.command("list")
def list_promos(slug: EventOption, *, as_json: JsonOption = False) -> None:
    """List the promo codes of an event and how often each was used."""
    from zoneinfo import ZoneInfo

    from ticketing.catalogue.promo_codes import list_promo_usage
    from ticketing.platform.kernel.money import Rupiah

    with open_event(slug) as (application, event):
        promos = list_promo_usage(application.database, event)
    print_list(
        promos,
        {
            "code": lambda one: one.code,
            "discount": lambda one: (
                f"{one.value} %" if one.kind == "percent" else str(Rupiah(one.value))
            ),
            "ticket type": lambda one: one.ticket_type,
            "from": lambda one: one.valid_from,
            "until": lambda one: one.valid_until,
            "used": lambda one: one.used,
            "max uses": lambda one: one.max_uses,
        },
        as_json=as_json,
        zone=ZoneInfo(event.time_zone),
        empty=f"{event.slug} has no promo codes.",
    )


@app.command("disable")
def disable_promo(slug: EventOption, code: CodeArgument, *, as_json: JsonOption = False) -> None:
    """End a promo code now; orders that used it keep their price."""
    from ticketing.catalogue.promo_codes import end_promo

    with open_event(slug) as (application, event):
        end_promo(application.database, event, code, at=now(), by=actor())
    result = {"event": event.slug, "code": code.upper()}
    print_result(result, f"{event.slug}: disabled promo code {code.upper()}.", as_json=as_json)
