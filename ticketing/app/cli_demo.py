"""`ticketing demo hotspot`: sample data to practise with."""

import typer

from ticketing.platform.cli.console import actor, now, open_application
from ticketing.platform.cli.options import JsonOption
from ticketing.platform.cli.output import print_result

app = typer.Typer(no_args_is_help=True)


@app.command("hotspot")
def seed_hotspot(*, as_json: JsonOption = False) -> None:
    """Sell packages of the simulated hotspot router of `ticketing up`.

    Running it again changes nothing. Refused when payments are real.
    """
    from ticketing.platform.kernel.errors import Misconfigured
    from ticketing.vouchers.demo_data import DEMO_PACKAGES, seed_demo_hotspot

    with open_application() as application:
        if application.settings.midtrans_environment != "simulator":
            raise Misconfigured(
                "demo packages need MIDTRANS_ENVIRONMENT=simulator: other gateways move money"
            )
        event = seed_demo_hotspot(application.database, at=now(), by=actor())
    print_result(
        {"event": event.slug, "packages": list(DEMO_PACKAGES)},
        f"{event.slug}: packages {', '.join(DEMO_PACKAGES)} are on sale (simulated).",
        f"Buy one at /events/{event.slug}. To end the sale: ticketing packages disable CODE",
        as_json=as_json,
    )
