"""Control page: every payment with its possible events, and the configured faults."""

from collections import defaultdict
from html import escape

from simulators.midtrans.faults import MidtransFaults
from simulators.midtrans.look import badge, buttons, format_rupiah, render_page
from simulators.midtrans.notifier import NotificationAttempt
from simulators.midtrans.snap import SnapSession
from simulators.midtrans.snap_script import PAGE_PATH
from simulators.midtrans.transaction import MERCHANT_MOVES, WORLD_MOVES, Transaction, format_time

_MAX_PAYMENTS = 50
PRESETS: dict[str, dict[str, object]] = {
    "quiet": {},
    "random faults": {"noise": 0.25},
    "duplicates": {"duplicates": 1},
    "late and unordered": {"delay_seconds": 5.0, "disorder_seconds": 10.0},
    "Midtrans is down": {"answers": [{"kind": "error", "status": 503, "times": 1_000_000}]},
}
_MOVE_LABELS = {
    "pay": "Buyer pays",
    "decline": "Bank declines",
    "fail": "Gateway error",
    "time-out": "Expire",
    "challenge": "Paid, fraud review",
    "approve": "Approve the card",
    "deny": "Deny the card",
    "settle": "Settle",
    "reverse": "Bank reverses",
    "partial_chargeback": "Partial chargeback",
    "chargeback": "Full chargeback",
    "notify": "Notify again",
}
_SWITCH_LABELS = {
    "noise": "Rate of random faults in notifications and responses, 0 to 1",
    "duplicates": "Additional copies of every notification",
    "delay_seconds": "Delay of every notification, seconds",
    "disorder_seconds": "Delay so that a notification follows the next one, seconds",
    "lost": "Number of next notifications not sent",
    "forged": "Number of next notifications with a wrong signature",
    "settle_after_seconds": "Delay of settlement, even beyond expiry, seconds",
    "never_expires": "Unpaid payments never expire",
    "customer_fee": "Rupiah added to the next payments, reported",
    "amount_off": "Rupiah added to the next payments, not reported",
    "only_transaction_ids": "DANA and virtual accounts of BSI, Danamon, Saqu, Seabank:"
    " unknown by order id",
    "refunds_denied": "Number of next refunds denied",
    "errors_with_http_200": "Errors with HTTP 200",
}


def render_overview(
    sessions: list[SnapSession],
    payments: list[Transaction],
    attempts: list[NotificationAttempt],
    faults: MidtransFaults,
) -> str:
    """Render the control page, newest first."""
    attempts_by_order = defaultdict(list)
    for attempt in attempts:
        attempts_by_order[attempt.order_id].append(attempt)
    begun = {payment.order_id for payment in payments}
    waiting = [page for page in sessions if page.order_id not in begun and not page.replaced]
    body = (
        "<h1>Midtrans simulator</h1><p>Act as the buyer, the bank or Midtrans: choose what "
        "happens to a payment; the shop is notified as Midtrans would notify it.</p>"
        '<p><a class="button" href="/_simulator">Refresh</a></p>'
        f'<div class="beside"><div>{_render_open_pages(waiting)}'
        f"{_render_payments(payments, attempts_by_order)}</div>"
        f"<div>{_render_faults(faults)}</div></div>"
    )
    return render_page("Midtrans simulator", body, width="72rem")


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
        f'<div class="card row"><a class="order" href="{PAGE_PATH}{page.token}">'
        f"{escape(page.order_id)}</a><span>{format_rupiah(page.amount)}</span></div>"
        for page in reversed(pages[-_MAX_PAYMENTS:])
    )
    return _render_section("Open pages without a payment method", len(pages), cards)


def _render_payments(
    payments: list[Transaction], attempts_by_order: dict[str, list[NotificationAttempt]]
) -> str:
    cards = "".join(
        _render_payment(payment, attempts_by_order[payment.order_id])
        for payment in reversed(payments[-_MAX_PAYMENTS:])
    )
    nothing = '<div class="card soft">No payments yet. Place an order in the shop.</div>'
    return _render_section("Payments", len(payments), cards or nothing)


def _render_section(title: str, number: int, cards: str) -> str:
    shown = f", the latest {_MAX_PAYMENTS}" if number > _MAX_PAYMENTS else ""
    return f"<h2>{title} ({number}{shown})</h2>{cards}" if cards else ""


def _render_payment(payment: Transaction, attempts: list[NotificationAttempt]) -> str:
    order = escape(payment.order_id)
    title = (
        f'<a class="order" href="{PAGE_PATH}{payment.token}">{order}</a>'
        if payment.token
        else order
    )
    return (
        f'<div class="card"><div class="row">{title}{badge(payment.state)}</div>'
        f'<div class="row"><span>{format_rupiah(payment.amount)}</span>'
        f'<span class="soft">{escape(payment.method.title)}</span></div>'
        f'<form method="post" action="/_simulator/act" class="few">'
        f'<input type="hidden" name="order" value="{order}">'
        f"{buttons('move', available_moves(payment))}</form>{_render_attempts(attempts)}</div>"
    )


def _render_attempts(attempts: list[NotificationAttempt]) -> str:
    if not attempts:
        return '<p class="soft">No notification was sent.</p>'
    rows = "".join(_render_attempt(attempt) for attempt in attempts)
    last = attempts[-1]
    result = "accepted" if last.is_accepted else "not accepted"
    return (
        f"<details><summary>{len(attempts)} notifications; last one {result}</summary>"
        "<div class='scroll'><table><tr><th>WIB</th><th>status</th><th>attempt</th>"
        f"<th>response</th><th>retry in</th></tr>{rows}</table></div></details>"
    )


def _render_attempt(attempt: NotificationAttempt) -> str:
    again = "" if attempt.retry_in_seconds is None else f"{attempt.retry_in_seconds / 60:.0f} min"
    cells = (
        format_time(attempt.at).partition(" ")[2],
        attempt.transaction_status,
        str(attempt.number),
        str(attempt.answer or attempt.problem),
        again,
    )
    return f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in cells)}</tr>"


def _render_faults(faults: MidtransFaults) -> str:
    values = faults.to_dict()
    worlds = [(name, name[0].upper() + name[1:]) for name in PRESETS]
    set_now = [name for name, value in values.items() if value and name in _SWITCH_LABELS]
    answers = [f"{each.kind} ({each.times} more)" for each in faults.answers if each.times]
    active = ", ".join([*(f"{name} {values[name]}" for name in set_now), *answers]) or "none"
    return (
        '<h2>Faults</h2><div class="card">'
        f"<p>Active: <b>{escape(active)}</b></p>"
        '<form method="post" action="/_simulator/world" class="few">'
        f"{buttons('world', worlds)}</form>"
        "<details><summary>Individual faults</summary>"
        '<form method="post" action="/_simulator/switches"><div class="switches">'
        f"{''.join(_render_switch(name, values[name]) for name in _SWITCH_LABELS)}</div>"
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
