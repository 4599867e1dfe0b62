"""What keeps hotspot vouchers in order and makes nothing to look at: a job for the clock."""

from dataclasses import asdict
from datetime import UTC, datetime

import dagster as dg

from ticket_assets import exhibits
from ticket_assets.attempts import attempt
from ticket_assets.batch import BY
from ticket_assets.vouchers import ROUTERS
from ticketing.actions.keep_vouchers import keep_vouchers
from ticketing.actions.provision import provision
from ticketing.actions.provisioning import Provisioner
from ticketing.actions.router_doors import RouterConnector
from ticketing.application import Application


@dg.op(pool=ROUTERS)
def keep_vouchers_in_order(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Look at every router, end what is over, fill stocks, and carry that out on the routers."""
    with attempt(context), application.get(RouterConnector).connect() as doors:
        means = Provisioner(application.database, doors, lambda: datetime.now(UTC), BY)
        kept = keep_vouchers(application.database, doors, clock=means.clock, by=BY)
        rounds = provision(means)
    silent = [(look.router, look.error) for look in kept.looks if look.error]
    context.log.info("%s ended, %s made ahead", kept.clean_up.expired, kept.stocked.owed)
    context.add_output_metadata(
        {
            "first used": sum(look.first_used for look in kept.looks),
            "used up": sum(look.ended for look in kept.looks),
            **asdict(kept.clean_up),
            "made ahead": kept.stocked.owed,
            "taken off": sum(one.removed for one in rounds),
            "not looked at": exhibits.table(["router", "why"], silent, total=len(silent)),
        }
    )


@dg.job(executor_def=dg.in_process_executor)
def voucher_upkeep() -> None:
    """Vouchers end when their time is over, and stocks are full. Again is safe."""
    keep_vouchers_in_order()
