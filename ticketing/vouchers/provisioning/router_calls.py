"""Asking a router for vouchers, and sorting what it says: there, not there, or nobody knows yet.

Writing down what a router said of vouchers, all of it or nothing; who has everything is told.

Taking off a router what has ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from ticketing.platform.kernel.errors import (
    Misconfigured,
    NameTaken,
    OutcomeUnknown,
    RouterRefused,
    RouterUnavailable,
    TicketingError,
)
from ticketing.routers.model import HotspotUser, Marker, RouterUser, RowMatch, match_row
from ticketing.routers.queries import StoredRouter
from ticketing.routers.routeros.client import RemovalResult, RouterClient
from ticketing.routers.routeros.errors import RefusalReason
from ticketing.vouchers import order_queries, transition_queries
from ticketing.vouchers.model import validity_end
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning import circuit_breaker
from ticketing.vouchers.provisioning.context import (
    ProvisioningContext,
    ProvisionResult,
    record_audit_entry,
)
from ticketing.vouchers.provisioning.retry_policy import VOUCHER_RETRIES
from ticketing.vouchers.queries import Voucher
from ticketing.vouchers.transition_queries import VoucherActivation, VoucherPostponement

ROUTER_ERRORS = (
    RouterUnavailable,
    OutcomeUnknown,
    RouterRefused,
    Misconfigured,
)  # the router's own
_UNCONFIRMED_REASON = "whoever asked for it did not hear the answer, and it is not there"


@dataclass(frozen=True, slots=True)
class VoucherPlacement:
    """A voucher as its router is to have it."""

    voucher: Voucher
    package: StoredPackage
    user: HotspotUser


@dataclass(slots=True)
class RouterReply:
    """What a router said of vouchers; of those in no list it has not said anything."""

    placed: list[VoucherPlacement] = field(default_factory=list)
    absent: list[tuple[VoucherPlacement, str]] = field(default_factory=list)
    refused: list[tuple[VoucherPlacement, RouterRefused]] = field(default_factory=list)
    name_taken: list[VoucherPlacement] = field(
        default_factory=list
    )  # a row that is not ours has the name
    router_error: str = ""  # with the router as such

    @property
    def voucher_ids(self) -> list[int]:
        """Of which vouchers it says something."""
        others = [one for one, _ in self.absent] + [one for one, _ in self.refused]
        return [each.voucher.id for each in [*self.placed, *self.name_taken, *others]]


def to_placement(voucher: Voucher, stored: StoredPackage, installation_id: str) -> VoucherPlacement:
    """What a package promises, under the voucher's name."""
    package = stored.package
    user = HotspotUser(
        voucher.credentials,
        package.profile,
        to_marker(voucher, installation_id),
        package.online_limit,
        package.bytes_limit,
    )
    return VoucherPlacement(voucher, stored, user)


def to_marker(voucher: Voucher, installation_id: str) -> Marker:
    """What tells its row on the router from everybody else's."""
    return Marker(installation_id, voucher.key, voucher.credentials.name)


def place_vouchers(client: RouterClient, expected: Sequence[VoucherPlacement]) -> RouterReply:
    """Ask for rows; where the router is silent, or has the name already, look."""
    answer = RouterReply()
    if not expected:
        return answer
    try:
        placements = client.add([each.user for each in expected])
    except ROUTER_ERRORS as error:  # before anything was asked for
        answer.absent = [(each, str(error)) for each in expected]
        answer.router_error = str(error)
        return answer
    unclear: list[tuple[VoucherPlacement, TicketingError | None]] = []
    for each, placement in zip(expected, placements, strict=True):
        said = placement.error
        if said is None:
            answer.placed.append(each)
        elif isinstance(said, (NameTaken, OutcomeUnknown)):
            unclear.append((each, said))
        elif isinstance(said, RouterRefused):
            answer.refused.append((each, said))
        else:
            answer.absent.append((each, str(said)))
            answer.router_error = str(said)
    try:
        _verify_rows(client, unclear, answer)
    except ROUTER_ERRORS as error:
        answer.router_error = str(error)
    return answer


def verify_vouchers(client: RouterClient, unconfirmed: Sequence[VoucherPlacement]) -> RouterReply:
    """Look for rows that somebody asked for who is dead; raises when the router does not tell."""
    answer = RouterReply()
    _verify_rows(client, [(each, None) for each in unconfirmed], answer)
    return answer


def _verify_rows(
    client: RouterClient,
    unclear: Sequence[tuple[VoucherPlacement, TicketingError | None]],
    answer: RouterReply,
) -> None:
    if not unclear:
        return
    by_name: dict[str, list[RouterUser]] = {}
    for row in client.find([each.user.name for each, _ in unclear]):
        by_name.setdefault(row.name, []).append(row)
    for each, why in unclear:
        match match_row(each.user, by_name.get(each.user.name, [])):
            case RowMatch.OURS:
                answer.placed.append(each)
            case RowMatch.TAKEN:
                answer.name_taken.append(each)
            case RowMatch.ABSENT:
                answer.absent.append((each, str(why) if why else _UNCONFIRMED_REASON))
                if isinstance(why, OutcomeUnknown):
                    answer.router_error = str(why)


MAX_RENAME_ATTEMPTS = 5  # most names are free: five that are not are no accident


NOT_OURS_MESSAGE = "a row of this name on the router is not ours, and was left alone"


_PERMANENT_REASONS = {
    RefusalReason.NO_SUCH_PROFILE,
    RefusalReason.NOT_PERMITTED,
    RefusalReason.NAME_TAKEN,
}


RefusedPlacement = tuple[VoucherPlacement, RouterRefused]


def record_reply(
    context: ProvisioningContext, router: StoredRouter, reply: RouterReply
) -> ProvisionResult:
    """What came of it; an order that was refunded meanwhile stays so."""
    if not reply.voucher_ids:
        return ProvisionResult(router.name, trouble=reply.router_error)
    at = context.clock()
    with context.database.transaction() as connection:
        their_orders = transition_queries.lock_with_orders(connection, reply.voucher_ids)
        stuck = _replace_taken_names(connection, context, reply.name_taken)
        done = ProvisionResult(
            router.name,
            placed=_mark_active(connection, reply.placed, at=at),
            absent=_return_absent_to_pending(connection, reply.absent, at=at),
            refused=_record_refusals(connection, context, [*reply.refused, *stuck], at=at),
            renamed=len(reply.name_taken) - len(stuck),
            told=order_queries.enqueue_ready_notices(connection, their_orders),
            trouble=reply.router_error,
        )
        record_audit_entry(connection, done, by=context.by)
    return done


def to_postponement(
    context: ProvisioningContext, voucher: Voucher, error: RouterRefused, *, at: datetime
) -> VoucherPostponement:
    """What only a person mends is given up at once; the rest when it was tried often enough."""
    lasting = error.details.get("reason") in _PERMANENT_REASONS
    attempts = VOUCHER_RETRIES.max_attempts if lasting else voucher.attempt_count + 1
    again = VOUCHER_RETRIES.next_attempt_at(attempts, at=at, jitter=context.jitter())
    return VoucherPostponement(
        voucher.id, str(error), again, has_failed=VOUCHER_RETRIES.is_exhausted(attempts)
    )


def _mark_active(
    connection: Connection, placed: Sequence[VoucherPlacement], *, at: datetime
) -> int:
    for package in {each.package.ticket_type_id: each.package for each in placed}.values():
        circuit_breaker.resolve_package_incident(connection, package, at=at)
    rows = [VoucherActivation(each.voucher.id, _validity_end(each, at)) for each in placed]
    return transition_queries.mark_active(connection, rows, at=at)


def _validity_end(placement: VoucherPlacement, at: datetime) -> datetime | None:
    voucher = placement.voucher
    if voucher.sold_at is None:
        return None
    had_at = max(voucher.sold_at, voucher.present_at or at)
    return validity_end(placement.package.package, had_at, voucher.first_used_at)


def _return_absent_to_pending(
    connection: Connection, absent: Sequence[tuple[VoucherPlacement, str]], *, at: datetime
) -> int:
    rows = [VoucherPostponement(each.voucher.id, why) for each, why in absent]
    return transition_queries.return_to_pending(connection, rows, at=at)


def _replace_taken_names(
    connection: Connection, context: ProvisioningContext, taken: Sequence[VoucherPlacement]
) -> list[RefusedPlacement]:
    """Draw others for names that are taken; a buyer who was told one keeps it, and waits."""
    return [
        (each, NameTaken(NOT_OURS_MESSAGE, reason=RefusalReason.NAME_TAKEN))
        for each in taken
        if each.voucher.present_at is not None or not _assign_new_name(connection, context, each)
    ]


def _assign_new_name(
    connection: Connection, context: ProvisioningContext, placement: VoucherPlacement
) -> bool:
    rule = placement.package.rule
    return any(
        transition_queries.replace_credentials(
            connection,
            placement.voucher.id,
            rule.generate_credentials(context.randomness(rule.random_bytes)),
            reason="the name was somebody else's",
        )
        for _ in range(MAX_RENAME_ATTEMPTS)
    )


def _record_refusals(
    connection: Connection,
    context: ProvisioningContext,
    refused: Sequence[RefusedPlacement],
    *,
    at: datetime,
) -> int:
    rows = [to_postponement(context, each.voucher, error, at=at) for each, error in refused]
    number = transition_queries.return_to_pending(connection, rows, at=at)
    given_up = {
        each.package.ticket_type_id: (each.package, str(error))
        for (each, error), row in zip(refused, rows, strict=True)
        if row.has_failed
    }
    for package, why in given_up.values():
        circuit_breaker.open_package_incident(connection, package, reason=why, at=at)
    return number


REMOVAL_BATCH_SIZE = 50  # nobody waits for it, and whoever buys meanwhile would


def remove_revoked(
    context: ProvisioningContext, router: StoredRouter, client: RouterClient
) -> ProvisionResult:
    """Some of what has ended; a row that is not ours stays, and the voucher's row says so."""
    with context.database.transaction() as connection:
        over = transition_queries.list_due_removals(
            connection, router.id, at=context.clock(), limit=REMOVAL_BATCH_SIZE
        )
    if not over:
        return ProvisionResult(router.name)
    ids = {to_marker(each, context.clients.installation_id): each.id for each in over}
    try:
        removals = client.remove(ids)
    except RouterRefused as error:
        return _postpone_removals(context, router, over, error)
    foreign = [ids[marker] for marker, was in removals.items() if was is RemovalResult.NOT_OURS]
    at = context.clock()
    with context.database.transaction() as connection:
        transition_queries.lock_with_orders(connection, list(ids.values()))
        left = transition_queries.mark_removed(connection, foreign, note=NOT_OURS_MESSAGE, at=at)
        done = ProvisionResult(
            router.name,
            removed=left + transition_queries.mark_removed(connection, list(ids.values()), at=at),
            foreign=left,
        )
        record_audit_entry(connection, done, by=context.by)
    return done


def _postpone_removals(
    context: ProvisioningContext,
    router: StoredRouter,
    revoked: Sequence[Voucher],
    error: RouterRefused,
) -> ProvisionResult:
    at = context.clock()
    rows = [to_postponement(context, each, error, at=at) for each in revoked]
    with context.database.transaction() as connection:
        transition_queries.lock_with_orders(connection, [each.id for each in rows])
        done = ProvisionResult(
            router.name, refused=transition_queries.postpone_removal(connection, rows, at=at)
        )
        record_audit_entry(connection, done, by=context.by)
    return done
