"""Hotspot vouchers: those that are paid for on their routers, and how their codes reach buyers."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from ticket_assets import exhibits
from ticket_assets.attempts import attempt
from ticket_assets.batch import BY
from ticket_assets.owners import OWNERS
from ticket_assets.payments import payments
from ticketing.actions.gauge_vouchers import gauges
from ticketing.actions.provision import provision
from ticketing.actions.provisioning import Provisioner, Round
from ticketing.actions.router_doors import RouterConnector
from ticketing.actions.voucher_desk import Failed, failed
from ticketing.application import Application
from ticketing.domain.provisioning import is_given_up
from ticketing.domain.voucher_rates import LOST_AFTER
from ticketing.domain.vouchers import PurchaseState, VoucherState
from ticketing.store import routers, voucher_figures, voucher_messages
from ticketing.store.database import Database
from ticketing.store.routers import StoredRouter
from ticketing.store.sales_reports import Span

ROUTERS = "router"  # the pool of whatever talks to routers; its limit is the instance's
LOGS_OF = timedelta(days=7)


@dg.asset(
    deps=[payments],
    group_name="hotspot",
    kinds={"postgres", "python"},
    owners=OWNERS,
    code_version="1",
    pool=ROUTERS,
)
def vouchers(
    context: dg.AssetExecutionContext, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """Vouchers that are paid for, on their routers. By the worker at once, else by a run."""
    with attempt(context), application.get(RouterConnector).connect() as doors:
        means = Provisioner(application.database, doors, lambda: datetime.now(UTC), BY)
        rounds = provision(means)
    context.log.info("%s put on routers, %s taken off", *_moved(rounds))
    return dg.MaterializeResult(
        metadata={**_deeds(rounds), **_standing(application.database, at=datetime.now(UTC))}
    )


def _moved(rounds: list[Round]) -> tuple[int, int]:
    return sum(one.placed for one in rounds), sum(one.removed for one in rounds)


def _deeds(rounds: list[Round]) -> exhibits.Metadata:
    placed, removed = _moved(rounds)
    return {
        "placed": placed,
        "removed": removed,
        "refused": sum(one.refused for one in rounds),
        "purchases made whole": sum(one.told for one in rounds),
        "provisioned by": BY,
        "troubles": exhibits.table(
            ["router", "why"],
            [(one.router, one.trouble) for one in rounds if one.trouble],
            total=sum(bool(one.trouble) for one in rounds),
        ),
    }


def _standing(database: Database, *, at: datetime) -> exhibits.Metadata:
    """How things are now, whoever did them."""
    now = gauges(database, at=at)
    needing = failed(database, None, limit=exhibits.ROWS_SHOWN, offset=0)
    with database.transaction() as connection:
        known = routers.everyone(connection)
        on_routers = voucher_figures.on_routers(connection, None)
    counts = Counter({(one.router_id, one.state): one.vouchers for one in on_routers})
    waited = (at - now.oldest_waiting).total_seconds() if now.oldest_waiting else 0.0
    return {
        **{f"vouchers {state}": number for state, number in now.vouchers.items()},
        **{f"purchases {state}": number for state, number in now.purchases.items()},
        "longest wait (s)": round(waited, 1),
        "routers": exhibits.table(
            ["router", "answers", *VoucherState],
            [
                (one.name, _answers(one), *(counts[one.id, s] for s in VoucherState))
                for one in known
            ],
            total=len(known),
        ),
        "failures": exhibits.table(
            ["purchase", "wrong", "repair"], _failures(needing), total=needing.total
        ),
    }


def _answers(router: StoredRouter) -> str:
    if not router.failing_since:
        return "yes"
    since = f"since {router.failing_since:%Y-%m-%d %H:%M} UTC: {router.last_error}"
    return f"given up {since}" if is_given_up(router.failures) else f"no, {since}"


def _failures(needing: Failed) -> Iterator[tuple[str, str, str]]:
    why = {one.purchase_id: one.last_error for one in reversed(needing.waiting)}
    for one in needing.purchases:
        if one.state is PurchaseState.VOUCHER_GENERATION_FAILED:
            wrong = f"{one.served} of {one.ordered} vouchers: {why.get(one.id, '')}"
            yield one.code, wrong, f"ticketing vouchers regenerate {one.code}"
        else:
            wrong = f"the message with the codes: {one.delivery}"
            yield one.code, wrong, f"ticketing deliveries {one.event_id} --failed"


@dg.asset(
    deps=[vouchers],
    group_name="hotspot",
    kinds={"postgres"},
    owners=OWNERS,
    code_version="1",
)
def voucher_delivery_logs(
    context: dg.AssetExecutionContext, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """Every attempt of a week to hand codes over, by WhatsApp and mail. As of its run."""
    at = datetime.now(UTC)
    since = at - LOGS_OF
    with attempt(context), application.database.transaction() as connection:
        counts = voucher_messages.attempts_by_state(connection, since=since)
        wrong = voucher_messages.failed_attempts(connection, since=since, limit=exhibits.ROWS_SHOWN)
        rates = voucher_figures.handover(
            connection, None, Span(since, at), due_before=at - LOST_AFTER
        )
    in_vain = sum(one.attempts for one in counts if one.status in voucher_messages.IN_VAIN)
    return dg.MaterializeResult(
        metadata={
            "attempts": sum(one.attempts for one in counts),
            "in vain": in_vain,
            "purchases ready": rates.ready,
            "delivery rate": _rate(rates.delivery_rate),
            "loss rate": _rate(rates.loss_rate),
            "by channel": exhibits.table(
                ["channel", "state", "attempts"], counts, total=len(counts)
            ),
            "failures": exhibits.table(
                ["purchase", "channel", "state", "why", "at"],
                [(*one[:4], f"{one.at:%Y-%m-%d %H:%M} UTC") for one in wrong],
                total=in_vain,
            ),
        }
    )


def _rate(rate: float | None) -> float | str:
    return "nothing was due" if rate is None else rate
