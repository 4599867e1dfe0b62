"""What the worker writes into its log about finished work."""

import structlog

from ticketing.selling.payments.fulfil_paid import (
    EventFulfilment,
    FulfilmentResult,
    handled_count,
)
from ticketing.selling.payments.settle import Settlement
from ticketing.vouchers.provisioning.context import ProvisionResult

LOG = structlog.stdlib.get_logger("ticketing.app.worker")


def log_fulfilment(service: FulfilmentResult) -> None:
    """Log a round of settlement and tickets."""
    log_settlement(service.settlement)
    for served in service.event_fulfilments:
        log_generation(served)


def log_settlement(done: Settlement) -> None:
    """Log the settled payments, if any."""
    if handled_count(done) or done.postponed:
        LOG.info(
            "payments settled", applied=done.applied, unchanged=done.unchanged,
            quarantined=done.quarantined, postponed=done.postponed,
        )  # fmt: skip


def log_generation(served: EventFulfilment) -> None:
    """Log the tickets of an event's buyers, or why there are none."""
    if served.generation is None:
        LOG.warning("tickets not made", event_id=served.event.id, error=served.error)
        return
    generation = served.generation
    LOG.info(
        "tickets made", event_id=served.event.id, job_id=generation.job_id,
        created=generation.created, renewed=generation.renewed, failed=generation.failed,
        seconds=round(generation.seconds, 3),
    )  # fmt: skip


def log_provisioning(done: ProvisionResult) -> None:
    """Log the changes on a router, unknown rows, and its errors."""
    if done.has_progress or done.refused:
        LOG.info(
            "vouchers provisioned", router=done.router, placed=done.placed, removed=done.removed,
            renamed=done.renamed, refused=done.refused, orders=done.completed_orders,
        )  # fmt: skip
    if done.foreign:
        LOG.warning("unknown rows on router left unchanged", router=done.router, rows=done.foreign)
    if done.trouble:
        LOG.warning("router failed", router=done.router, error=done.trouble)
