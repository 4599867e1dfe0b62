"""The maintenance job of hotspot vouchers."""

from dataclasses import asdict
from datetime import UTC, datetime

import dagster as dg

from ticket_assets import metadata
from ticket_assets.batch import ACTOR
from ticket_assets.retries import run_attempt
from ticket_assets.vouchers import ROUTER_POOL
from ticketing.platform.application import Application
from ticketing.vouchers.maintenance import maintain_vouchers
from ticketing.vouchers.provisioning.context import ProvisioningContext
from ticketing.vouchers.provisioning.provision import provision_all
from ticketing.vouchers.provisioning.router_clients import RouterConnector


@dg.op(pool=ROUTER_POOL)
def keep_vouchers_in_order(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Read usage from every router, end expired vouchers, fill the pools, update the routers."""
    with run_attempt(context), application.get(RouterConnector).connect() as doors:
        means = ProvisioningContext(application.database, doors, lambda: datetime.now(UTC), ACTOR)
        kept = maintain_vouchers(application.database, doors, clock=means.clock, by=ACTOR)
        rounds = provision_all(means)
    silent = [(look.router, look.error) for look in kept.looks if look.error]
    context.log.info("%s ended, %s made ahead", kept.clean_up.expired, kept.stocked.owed)
    context.add_output_metadata(
        {
            "first used": sum(look.first_used for look in kept.looks),
            "used up": sum(look.ended for look in kept.looks),
            **asdict(kept.clean_up),
            "made ahead": kept.stocked.owed,
            "taken off": sum(one.removed for one in rounds),
            "not looked at": metadata.markdown_table(["router", "why"], silent, total=len(silent)),
        }
    )


@dg.job(executor_def=dg.in_process_executor)
def voucher_upkeep() -> None:
    """Ends expired vouchers and fills the pools of prepared vouchers. Safe to run again."""
    keep_vouchers_in_order()
