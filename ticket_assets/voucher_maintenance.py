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
def maintain_all_vouchers(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Read usage from every router, end expired vouchers, fill the pools, update the routers."""
    with run_attempt(context), application.get(RouterConnector).connect() as clients:
        provisioning = ProvisioningContext(
            application.database, clients, lambda: datetime.now(UTC), ACTOR
        )
        done = maintain_vouchers(application.database, clients, clock=provisioning.clock, by=ACTOR)
        results = provision_all(provisioning)
    unreachable = [(poll.router, poll.error) for poll in done.polls if poll.error]
    context.log.info(
        "%s vouchers ended, %s added to pools", done.clean_up.expired, done.pools.allocated
    )
    context.add_output_metadata(
        {
            "first used": sum(poll.first_used for poll in done.polls),
            "limit reached": sum(poll.used_up for poll in done.polls),
            **asdict(done.clean_up),
            "added to pools": done.pools.allocated,
            "removed from routers": sum(one.removed for one in results),
            "unreachable routers": metadata.markdown_table(
                ["router", "error"], unreachable, total=len(unreachable)
            ),
        }
    )


@dg.job
def voucher_maintenance() -> None:
    """Ends expired vouchers and fills the pools of prepared vouchers. Safe to run again."""
    maintain_all_vouchers()
