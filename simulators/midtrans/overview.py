"""Control page: every payment with its possible events, and the configured faults."""

from collections import defaultdict
from html import escape

from simulators.midtrans.faults import MidtransFaults
from simulators.midtrans.look import badge, buttons, format_rupiah, render_page
from simulators.midtrans.notifier import NotificationAttempt
from simulators.midtrans.pages import PATH
from simulators.midtrans.snap import SnapSession
from simulators.midtrans.transaction import MERCHANT_MOVES, WORLD_MOVES, Transaction, format_time

_MAX_PAYMENTS = 50
PRESETS: dict[str, dict[str, object]] = {
    "quiet": {},
    "a bad day": {"noise": 0.25},
    "everything twice": {"duplicates": 1},
    "late and out of order": {"delay_seconds": 5.0, "disorder_seconds": 10.0},
    "Midtrans is down": {"answers": [{"kind": "error", "status": 503, "times": 1_000_000}]},
}
_MOVE_LABELS = {
    "pay": "The buyer pays",
    "decline": "The bank refuses",
    "fail": "It breaks down",
    "time-out": "Time runs out",
    "challenge": "Paid, but suspected",
    "approve": "Approve the card",
    "deny": "Deny the card",
    "settle": "The money arrives",
    "reverse": "The bank takes it back",
    "partial_chargeback": "Part is charged back",
    "chargeback": "All is charged back",
    "notify": "Tell the shop again",
}
_SWITCH_LABELS = {
    "noise": "Share of notifications and answers that go wrong in any way, 0 to 1",
    "duplicates": "Every notification comes so many times more",
    "delay_seconds": "Every notification is late by so many seconds",
    "disorder_seconds": "A notification waits so long, to come after the next one",
    "lost": "The next notifications that never leave",
    "forged": "The next notifications with a wrong signature",
    "settle_after_seconds": "Money comes so long after paying, even after the end",
    "never_expires": "Unpaid payments stay open past their end",
    "customer_fee": "Rupiah added to the next payments, and told",
    "amount_off": "Rupiah added to the next payments in silence",
    "refunds_denied": "The next refunds that the bank refuses",
    "errors_with_http_200": "Errors come with HTTP 200",
}


def render_overview(
    sessions: list[SnapSession],
    payments: list[Transaction],
    attempts: list[NotificationAttempt],
    faults: MidtransFaults,
) -> str:
    """Render the control page, newest first."""
    told = defaultdict(list)
    for attempt in attempts:
        told[attempt.order_id].append(attempt)
    begun = {payment.order_id for payment in payments}
    waiting = [page for page in sessions if page.order_id not in begun and not page.replaced]
    body = (
        "<h1>Midtrans, rehearsed</h1><p>You are the buyer, the bank and Midtrans here: say what "
        "happens to a payment, and the shop is told as Midtrans would tell it.</p>"
        '<p><a class="button" href="/_simulator">Look again</a></p>'
        f'<div class="beside"><div>{_render_open_pages(waiting)}'
        f"{_render_payments(payments, told)}</div>"
        f"<div>{_render_faults(faults)}</div></div>"
    )
    return render_page("Midtrans, rehearsed", body, width="72rem")


def available_moves(payment: Transaction) -> list[tuple[str, str]]:
    """Return the possible events of a payment as (name, label)."""
    possible = {"notify"} | {
        name
        for name, move in (WORLD_MOVES | MERCHANT_MOVES).items()
        if payment.state in move.sources
        and not (name == "challenge" and not payment.method.is_card)
        and not (name == "settle" and payment.state == "pending")
    }
    return [(name, label) for name, label in _MOVE_LABELS.items() if name in possible]


def _render_open_pages(pages: list[SnapSession]) -> str:
    cards = "".join(
        f'<div class="card row"><a class="order" href="{PATH}{page.token}">'
        f"{escape(page.order_id)}</a><span>{format_rupiah(page.amount)}</span></div>"
        for page in reversed(pages[-_MAX_PAYMENTS:])
    )
    return _render_section("Opened, no way to pay chosen yet", len(pages), cards)


def _render_payments(
    payments: list[Transaction], told: dict[str, list[NotificationAttempt]]
) -> str:
    cards = "".join(
        _render_payment(payment, told[payment.order_id])
        for payment in reversed(payments[-_MAX_PAYMENTS:])
    )
    nothing = '<div class="card soft">None yet. Buy something in the shop.</div>'
    return _render_section("Payments", len(payments), cards or nothing)


def _render_section(title: str, number: int, cards: str) -> str:
    shown = f", the latest {_MAX_PAYMENTS}" if number > _MAX_PAYMENTS else ""
    return f"<h2>{title} ({number}{shown})</h2>{cards}" if cards else ""


def _render_payment(payment: Transaction, told: list[NotificationAttempt]) -> str:
    order = escape(payment.order_id)
    title = f'<a class="order" href="{PATH}{payment.token}">{order}</a>' if payment.token else order
    return (
        f'<div class="card"><div class="row">{title}{badge(payment.state)}</div>'
        f'<div class="row"><span>{format_rupiah(payment.amount)}</span>'
        f'<span class="soft">{escape(payment.method.title)}</span></div>'
        f'<form method="post" action="/_simulator/act" class="few">'
        f'<input type="hidden" name="order" value="{order}">'
        f"{buttons('move', available_moves(payment))}</form>{_render_attempts(told)}</div>"
    )


def _render_attempts(attempts: list[NotificationAttempt]) -> str:
    if not attempts:
        return '<p class="soft">The shop has not been told.</p>'
    rows = "".join(_render_attempt(attempt) for attempt in attempts)
    last = attempts[-1]
    heard = "heard" if last.is_accepted else "did not hear"
    return (
        f"<details><summary>Told {len(attempts)} times; the shop {heard} the last</summary>"
        "<div class='scroll'><table><tr><th>WIB</th><th>said</th><th>try</th><th>answer</th>"
        f"<th>again in</th></tr>{rows}</table></div></details>"
    )


def _render_attempt(attempt: NotificationAttempt) -> str:
    again = "" if attempt.retry_in_seconds is None else f"{attempt.retry_in_seconds / 60:.0f} min"
    told = (
        format_time(attempt.at).partition(" ")[2],
        attempt.transaction_status,
        str(attempt.number),
        str(attempt.answer or attempt.problem),
        again,
    )
    return f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in told)}</tr>"


def _render_faults(faults: MidtransFaults) -> str:
    stands = faults.to_dict()
    worlds = [(name, name[0].upper() + name[1:]) for name in PRESETS]
    set_now = [name for name, value in stands.items() if value and name in _SWITCH_LABELS]
    answers = [f"{each.kind} ({each.times} more)" for each in faults.answers if each.times]
    told = ", ".join([*(f"{name} {stands[name]}" for name in set_now), *answers]) or "nothing"
    return (
        '<h2>What goes wrong</h2><div class="card">'
        f"<p>Now: <b>{escape(told)}</b></p>"
        '<form method="post" action="/_simulator/world" class="few">'
        f"{buttons('world', worlds)}</form>"
        "<details><summary>One by one</summary>"
        '<form method="post" action="/_simulator/switches"><div class="switches">'
        f"{''.join(_render_switch(name, stands[name]) for name in _SWITCH_LABELS)}</div>"
        '<button class="main">Set</button></form></details></div>'
    )


def _render_switch(name: str, value: object) -> str:
    if isinstance(value, bool):
        off = f'<input type="hidden" name="{name}" value="off">'
        ticked = " checked" if value else ""
        field = f'{off}<input type="checkbox" name="{name}" value="on"{ticked}>'
    else:
        field = f'<input name="{name}" inputmode="decimal" value="{escape(f"{value:g}")}">'
    return f"<label><span>{_SWITCH_LABELS[name]}</span>{field}</label>"
