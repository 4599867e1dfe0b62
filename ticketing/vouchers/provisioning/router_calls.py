"""Calls to a router for vouchers, and the storage of its reply in one transaction.

A reply sorts vouchers into placed, absent, refused and name taken; vouchers without a result stay
unconfirmed until a later run reads them back.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
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
from ticketing.vouchers import order_queries, package_queries, transition_queries
from ticketing.vouchers.model import VoucherState, router_time_limit, validity_end
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning import circuit_breaker
from ticketing.vouchers.provisioning.context import (
    ProvisioningContext,
    ProvisionResult,
    record_audit_entry,
)
from ticketing.vouchers.provisioning.retry_policy import VOUCHER_RETRIES
from ticketing.vouchers.queries import Voucher
from ticketing.vouchers.transition_queries import VoucherPostponement

ROUTER_ERRORS = (RouterUnavailable, OutcomeUnknown, RouterRefused, Misconfigured)
_UNCONFIRMED_REASON = "requested without a reply, and not on the router"


@dataclass(frozen=True, slots=True)
class VoucherPlacement:
    """A voucher with its package and the router's row to create."""

    voucher: Voucher
    package: StoredPackage
    user: HotspotUser


@dataclass(slots=True)
class RouterReply:
    """Vouchers by result; those in no list are still unconfirmed."""

    placed: list[VoucherPlacement] = field(default_factory=list)
    absent: list[tuple[VoucherPlacement, str]] = field(default_factory=list)
    refused: list[tuple[VoucherPlacement, RouterRefused]] = field(default_factory=list)
    name_taken: list[VoucherPlacement] = field(default_factory=list)
    router_error: str = ""  # an error of the router, not of a voucher

    @property
    def voucher_ids(self) -> list[int]:
        """Ids of the vouchers with a result."""
        others = [one for one, _ in self.absent] + [one for one, _ in self.refused]
        return [each.voucher.id for each in [*self.placed, *self.name_taken, *others]]

    def by_event(self) -> dict[int, "RouterReply"]:
        """Return the results by event id; a router can serve several outlets."""
        parts: defaultdict[int, RouterReply] = defaultdict(
            lambda: RouterReply(router_error=self.router_error)
        )
        for each in self.placed:
            parts[each.package.event_id].placed.append(each)
        for each in self.name_taken:
            parts[each.package.event_id].name_taken.append(each)
        for each, reason in self.absent:
            parts[each.package.event_id].absent.append((each, reason))
        for each, error in self.refused:
            parts[each.package.event_id].refused.append((each, error))
        return parts


def to_placement(voucher: Voucher, stored: StoredPackage, installation_id: str) -> VoucherPlacement:
    """Return the row that the package's terms require for the voucher."""
    package = stored.package
    user = HotspotUser(
        voucher.credentials,
        package.profile,
        to_marker(voucher, installation_id),
        router_time_limit(package.online_limit, package.validity, package.shared_users),
        package.bytes_limit,
    )
    return VoucherPlacement(voucher, stored, user)


def to_marker(voucher: Voucher, installation_id: str) -> Marker:
    """Return the marker that identifies the voucher's row on a router."""
    return Marker(installation_id, voucher.key, voucher.credentials.name)


def place_vouchers(client: RouterClient, expected: Sequence[VoucherPlacement]) -> RouterReply:
    """Add rows; read back those without a reply or with a name that is taken."""
    answer = RouterReply()
    if not expected:
        return answer
    try:
        placements = client.add([each.user for each in expected])
    except ROUTER_ERRORS as error:  # before the first command was sent
        answer.absent = [(each, str(error)) for each in expected]
        answer.router_error = str(error)
        return answer
    unclear: list[tuple[VoucherPlacement, TicketingError | None]] = []
    for each, placement in zip(expected, placements, strict=True):
        failure = placement.error
        if failure is None:
            answer.placed.append(each)
        elif isinstance(failure, (NameTaken, OutcomeUnknown)):
            unclear.append((each, failure))
        elif isinstance(failure, RouterRefused):
            answer.refused.append((each, failure))
        else:
            answer.absent.append((each, str(failure)))
            answer.router_error = str(failure)
    try:
        _verify_rows(client, unclear, answer)
    except ROUTER_ERRORS as error:
        answer.router_error = str(error)
    return answer


def verify_vouchers(client: RouterClient, unconfirmed: Sequence[VoucherPlacement]) -> RouterReply:
    """Read back the rows that an interrupted run requested; raise if the router does not answer."""
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
            case RowMatch.ABSENT if isinstance(why, NameTaken) and each.voucher.attempt_count:
                # refused again for a name that the router does not list: another row's name in
                # other case, or a row of a damaged table; asking for it again never ends
                answer.name_taken.append(each)
            case RowMatch.ABSENT:
                answer.absent.append((each, str(why) if why else _UNCONFIRMED_REASON))
                if isinstance(why, OutcomeUnknown):
                    answer.router_error = str(why)


MAX_RENAME_ATTEMPTS = 5  # most names are free; five collisions are no accident
_ATTEMPTS_WITHOUT_DELAY = 2
_RENAMED_REASON = "the router says that the name is taken"
NOT_OURS_MESSAGE = "the router's row with this name is not ours and was not changed"
_PERMANENT_REASONS = {
    RefusalReason.NO_SUCH_PROFILE,
    RefusalReason.NOT_PERMITTED,
    RefusalReason.NAME_TAKEN,
}
RefusedPlacement = tuple[VoucherPlacement, RouterRefused]


def record_reply(
    context: ProvisioningContext, router: StoredRouter, reply: RouterReply
) -> ProvisionResult:
    """Store the reply; vouchers of an order refunded meanwhile stay revoked."""
    if not reply.voucher_ids:
        return ProvisionResult(router.name, trouble=reply.router_error)
    done = ProvisionResult(router.name)
    with context.database.transaction() as connection:
        their_orders = transition_queries.lock_with_orders(connection, reply.voucher_ids)
        for event_id, part in reply.by_event().items():
            one = _record_event_reply(connection, context, router, part, their_orders)
            record_audit_entry(connection, one, event_id, by=context.by)
            done += one
    return done


def _record_event_reply(
    connection: Connection,
    context: ProvisioningContext,
    router: StoredRouter,
    reply: RouterReply,
    order_ids: Sequence[int],
) -> ProvisionResult:
    """Store the reply for the vouchers of one event; the orders of all events are locked."""
    at = context.clock()
    stuck = _replace_taken_names(connection, context, reply.name_taken, at=at)
    return ProvisionResult(
        router.name,
        placed=_mark_active(connection, reply.placed, at=at),
        absent=_return_absent_to_pending(connection, reply.absent, at=at),
        refused=_record_refusals(connection, context, [*reply.refused, *stuck], at=at),
        renamed=len(reply.name_taken) - len(stuck),
        completed_orders=order_queries.enqueue_ready_notices(connection, order_ids),
        trouble=reply.router_error,
    )


def to_postponement(
    context: ProvisioningContext, voucher: Voucher, error: RouterRefused, *, at: datetime
) -> VoucherPostponement:
    """Return the postponement: failed at once for permanent reasons, else after the last retry."""
    lasting = error.details.get("reason") in _PERMANENT_REASONS
    attempts = VOUCHER_RETRIES.max_attempts if lasting else voucher.attempt_count + 1
    next_attempt = VOUCHER_RETRIES.next_attempt_at(attempts, at=at, jitter=context.jitter())
    return VoucherPostponement(
        voucher.id, str(error), next_attempt, has_failed=VOUCHER_RETRIES.is_exhausted(attempts)
    )


def _mark_active(
    connection: Connection, placed: Sequence[VoucherPlacement], *, at: datetime
) -> int:
    for package in {each.package.ticket_type_id: each.package for each in placed}.values():
        circuit_breaker.resolve_package_incident(connection, package, at=at)
    ends_by_id = {each.voucher.id: _validity_end(each, at) for each in placed}
    return transition_queries.mark_active(connection, ends_by_id, at=at)


def _validity_end(placement: VoucherPlacement, at: datetime) -> datetime | None:
    voucher = placement.voucher
    if voucher.sold_at is None:
        return None
    had_at = max(voucher.sold_at, voucher.activated_at or at)
    return validity_end(placement.package.package, had_at, voucher.first_used_at)


def _return_absent_to_pending(
    connection: Connection, absent: Sequence[tuple[VoucherPlacement, str]], *, at: datetime
) -> int:
    rows = [VoucherPostponement(each.voucher.id, why) for each, why in absent]
    return transition_queries.postpone(connection, VoucherState.PROVISIONING, rows, at=at)


def _replace_taken_names(
    connection: Connection,
    context: ProvisioningContext,
    taken: Sequence[VoucherPlacement],
    *,
    at: datetime,
) -> list[RefusedPlacement]:
    """Draw new names for those taken; return the vouchers that keep theirs because it was shown."""
    return [
        (each, NameTaken(NOT_OURS_MESSAGE, reason=RefusalReason.NAME_TAKEN))
        for each in taken
        if each.voucher.activated_at is not None
        or not _assign_new_name(connection, context, each, at=at)
    ]


def _assign_new_name(
    connection: Connection,
    context: ProvisioningContext,
    placement: VoucherPlacement,
    *,
    at: datetime,
) -> bool:
    rule, postponement = placement.package.rule, _rename_postponement(context, placement, at=at)
    is_renamed = any(
        transition_queries.replace_credentials(
            connection,
            rule.generate_credentials(context.randomness(rule.random_bytes)),
            postponement,
            at=at,
        )
        for _ in range(MAX_RENAME_ATTEMPTS)
    )
    if is_renamed and postponement.has_failed:
        circuit_breaker.open_package_incident(
            connection, placement.package, reason=postponement.reason, at=at
        )
    return is_renamed


def _rename_postponement(
    context: ProvisioningContext, placement: VoucherPlacement, *, at: datetime
) -> VoucherPostponement:
    """Return the next attempt with another name: at once, but later if it was often refused."""
    voucher, attempts = placement.voucher, placement.voucher.attempt_count + 1
    if attempts <= _ATTEMPTS_WITHOUT_DELAY:
        return VoucherPostponement(voucher.id, _RENAMED_REASON)
    next_attempt = VOUCHER_RETRIES.next_attempt_at(attempts, at=at, jitter=context.jitter())
    has_failed = VOUCHER_RETRIES.is_exhausted(attempts)
    return VoucherPostponement(voucher.id, _RENAMED_REASON, next_attempt, has_failed=has_failed)


def _record_refusals(
    connection: Connection,
    context: ProvisioningContext,
    refused: Sequence[RefusedPlacement],
    *,
    at: datetime,
) -> int:
    rows = [to_postponement(context, each.voucher, error, at=at) for each, error in refused]
    number = transition_queries.postpone(connection, VoucherState.PROVISIONING, rows, at=at)
    given_up = {
        each.package.ticket_type_id: (each.package, str(error))
        for (each, error), row in zip(refused, rows, strict=True)
        if row.has_failed
    }
    for package, why in given_up.values():
        circuit_breaker.open_package_incident(connection, package, reason=why, at=at)
    return number


REMOVAL_BATCH_SIZE = 50  # small, so that new purchases do not wait for removals


def remove_revoked(
    context: ProvisioningContext, router: StoredRouter, client: RouterClient
) -> ProvisionResult:
    """Remove one batch of revoked vouchers; rows that are not ours are kept and noted."""
    with context.database.transaction() as connection:
        due = transition_queries.list_due_removals(
            connection, router.id, at=context.clock(), limit=REMOVAL_BATCH_SIZE
        )
    if not due:
        return ProvisionResult(router.name)
    ids = {to_marker(each, context.clients.installation_id): each.id for each in due}
    try:
        removals = client.remove(ids)
    except RouterRefused as error:
        return _postpone_removals(context, router, due, error)
    foreign = {ids[marker] for marker, was in removals.items() if was is RemovalResult.NOT_OURS}
    done = ProvisionResult(router.name)
    with context.database.transaction() as connection:
        transition_queries.lock_with_orders(connection, list(ids.values()))
        for event_id, part in _by_event(connection, due).items():
            one = _record_removals(connection, context, router, part, foreign)
            record_audit_entry(connection, one, event_id, by=context.by)
            done += one
    return done


def _by_event(connection: Connection, revoked: Sequence[Voucher]) -> dict[int, list[Voucher]]:
    types = {each.ticket_type_id for each in revoked}
    packages = package_queries.find_by_ticket_types(connection, sorted(types))
    parts: defaultdict[int, list[Voucher]] = defaultdict(list)
    for each in revoked:
        parts[packages[each.ticket_type_id].event_id].append(each)
    return parts


def _record_removals(
    connection: Connection,
    context: ProvisioningContext,
    router: StoredRouter,
    revoked: Sequence[Voucher],
    foreign: Collection[int],
) -> ProvisionResult:
    """Store that the router has no row of these vouchers; a foreign row was kept."""
    at, ids = context.clock(), [each.id for each in revoked]
    kept = [id_ for id_ in ids if id_ in foreign]
    foreign_count = transition_queries.mark_removed(connection, kept, note=NOT_OURS_MESSAGE, at=at)
    removed = foreign_count + transition_queries.mark_removed(connection, ids, at=at)
    return ProvisionResult(router.name, removed=removed, foreign=foreign_count)


def _postpone_removals(
    context: ProvisioningContext,
    router: StoredRouter,
    revoked: Sequence[Voucher],
    error: RouterRefused,
) -> ProvisionResult:
    at = context.clock()
    done = ProvisionResult(router.name)
    with context.database.transaction() as connection:
        transition_queries.lock_with_orders(connection, [each.id for each in revoked])
        for event_id, part in _by_event(connection, revoked).items():
            rows = [to_postponement(context, each, error, at=at) for each in part]
            refused = transition_queries.postpone(connection, VoucherState.REVOKING, rows, at=at)
            one = ProvisionResult(router.name, refused=refused)
            record_audit_entry(connection, one, event_id, by=context.by)
            done += one
    return done
