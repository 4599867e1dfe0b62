"""Application of delivery receipts, of WhatsApp providers and of bounced mails, to deliveries."""

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.notifications import delivery_queries
from ticketing.notifications.channel_policy import (
    fall_back_to_next_channel,
    pause_channel_on_failure,
)
from ticketing.notifications.channels.acknowledgements import note_receipt, revive_late
from ticketing.notifications.channels.refusal_queries import RefusalSource
from ticketing.notifications.channels.refusals import CHANNEL_PAUSE, note_arrival
from ticketing.notifications.claim_queries import AttemptResult
from ticketing.notifications.delivery import (
    DELIVERY_RETRIES,
    Channel,
    DeliveryReceipt,
    DeliveryState,
    merge_state,
)
from ticketing.notifications.delivery_queries import DeliveryAttempt
from ticketing.notifications.mail.bounces import Bounce, MailKind, parse_mail
from ticketing.notifications.messages.message import Deferred, PauseScope, Rejected
from ticketing.platform.db.database import Database


def apply_receipt(
    connection: Connection,
    receipt: DeliveryReceipt,
    channels: Collection[Channel],
    *,
    at: datetime,
    jitter: float,
) -> bool | None:
    """Return whether the receipt changed anything; None if it refers to no message of ours."""
    attempt = delivery_queries.find_attempt(
        connection, names=(receipt.provider_id, receipt.alias), reference=receipt.reference
    )
    if attempt is None or not _is_for_recipient(attempt, receipt):
        return None
    if receipt.provider_id and receipt.alias:
        delivery_queries.set_attempt_alias(connection, attempt, receipt.alias)
    note_receipt(connection, attempt, at=at)
    if receipt.failure is None:
        if attempt.is_refused:
            note_arrival(connection, attempt.channel, sent_at=attempt.started_at, at=at)
        if revive_late(connection, attempt, receipt.state, at=at):
            return True
    if merge_state(attempt.attempt_state, receipt.state) is attempt.attempt_state:
        return False
    step = _result_from_receipt(receipt)
    delivery_queries.record_receipt(connection, attempt, step, at=at)
    after = merge_state(attempt.delivery_state, receipt.state, is_current_attempt=attempt.is_newest)
    if after is receipt.state and after is not attempt.delivery_state:
        _update_delivery(connection, attempt, receipt, step, channels, at=at, jitter=jitter)
    return True


def _is_for_recipient(attempt: DeliveryAttempt, receipt: DeliveryReceipt) -> bool:
    """Return whether a receipt names the recipient of the attempt.

    Anybody can send a bounce. WhatsApp's receipts are signed and may format the number differently.
    """
    if attempt.channel is not Channel.MAIL:
        return True
    return receipt.recipient.casefold() == attempt.address.casefold()


def _result_from_receipt(receipt: DeliveryReceipt) -> AttemptResult:
    match receipt.failure:
        case Rejected(reason, code, cause):
            return AttemptResult(receipt.state, code=code, reason=reason, failure_scope=cause)
        case Deferred(reason, code, _, stops):
            return AttemptResult(receipt.state, code=code, reason=reason, failure_scope=stops)
    return AttemptResult(receipt.state)


def _update_delivery(
    connection: Connection, attempt: DeliveryAttempt, receipt: DeliveryReceipt, step: AttemptResult,
    channels: Collection[Channel], *, at: datetime, jitter: float,
) -> None:  # fmt: skip
    failure = receipt.failure
    pause_channel_on_failure(
        connection, attempt.channel, failure, source=RefusalSource.REPORT, at=at
    )
    if isinstance(failure, Deferred):
        # a refusal of the whole channel is no failure of this message
        failures = int(failure.pause_scope is not PauseScope.CHANNEL)
        next_attempt = (
            DELIVERY_RETRIES.next_attempt_at(
                attempt.failure_count + failures,
                at=at,
                jitter=jitter,
                retry_after=failure.retry_after,
            )
            if failures
            else at + CHANNEL_PAUSE
        )
        if next_attempt is not None:
            retry = replace(
                step, state=DeliveryState.ERROR, next_attempt_at=next_attempt, failures=failures
            )
            delivery_queries.update_delivery_after_receipt(connection, attempt, retry, at=at)
            return
    delivery_queries.update_delivery_after_receipt(connection, attempt, step, at=at)
    if failure is not None and (isinstance(failure, Deferred) or failure.can_fall_back):
        fall_back_to_next_channel(connection, attempt.delivery_id, channels, at=at)


@dataclass(frozen=True, slots=True)
class BounceResult:
    """Numbers of bounces by result; for `undecided` ones the server still retries.

    `not_understood` are the subjects of mails that are for a person.
    """

    mails: int
    applied: int
    unchanged: int
    strange: int
    undecided: int
    absences: int = 0
    not_understood: tuple[str, ...] = ()


def process_bounces(
    database: Database,
    mails: Iterable[bytes],
    channels: Collection[Channel],
    *,
    at: datetime,
    jitter: Callable[[], float] = random.random,
    flag: Callable[[], None] = lambda: None,
) -> BounceResult:
    """Apply the bounces in these mails, with fallback to another channel.

    `flag` is called for a mail that is not understood, before the next one is taken.
    """
    mail_count, absences = 0, 0
    counts, subjects = Counter[str](), list[str]()
    for mail in mails:
        mail_count += 1
        parsed = parse_mail(mail)
        absences += parsed.kind is MailKind.ABSENCE
        for bounce in parsed.bounces:
            counts[_apply_bounce(database, bounce, channels, at=at, jitter=jitter())] += 1
        if parsed.kind is MailKind.OTHER:
            subjects.append(parsed.subject)
            flag()
    return BounceResult(
        mail_count, counts["applied"], counts["unchanged"], counts["strange"],
        counts["undecided"], absences, tuple(subjects),
    )  # fmt: skip


def _apply_bounce(
    database: Database,
    bounce: Bounce,
    channels: Collection[Channel],
    *,
    at: datetime,
    jitter: float,
) -> str:
    report = bounce.receipt
    if report is None:
        return "undecided"
    with database.transaction() as connection:
        changed = apply_receipt(connection, report, channels, at=at, jitter=jitter)
    if changed is None:
        return "strange"
    return "applied" if changed else "unchanged"
