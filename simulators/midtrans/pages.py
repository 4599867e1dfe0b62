"""Payment page of the buyer, with buttons for actions that happen elsewhere in reality."""

from html import escape
from urllib.parse import urlencode

from simulators.midtrans.look import badge, buttons, format_rupiah, render_page
from simulators.midtrans.snap import SnapSession
from simulators.midtrans.snap_script import BACK_TO_SHOP, callback_name
from simulators.midtrans.transaction import Transaction, format_time

_PENDING = [
    ("pay", "Pay"),
    ("decline", "Decline payment"),
    ("fail", "Simulate a gateway error"),
]
_REVIEW = ("challenge", "Pay with a card under fraud review")
_OPEN_STATES = {"pending", "deny", "failure"}
_FIELD_NAMES = {
    "va_number": "Virtual account",
    "permata_va_number": "Virtual account",
    "biller_code": "Biller code",
    "bill_key": "Bill key",
    "payment_code": "Payment code",
    "store": "Store",
}


def render_unknown_page() -> str:
    """Render the page for an unknown token."""
    return render_page("Not found", "<h1>Payment page not found</h1>")


def render_payment_page(session: SnapSession, begun: Transaction | None, *, is_open: bool) -> str:
    """Render the payment page."""
    if begun and not (is_open and begun.status in _OPEN_STATES):
        body = _render_progress(begun)
    elif is_open:
        refused = "<p>The payment was declined. Choose another payment method.</p>" if begun else ""
        offers = [(method.name, method.title) for method in session.methods]
        body = refused + "<h2>Pay with</h2>" + _render_form(buttons("method", offers))
    else:
        closed = "This page is closed: it was cancelled, replaced by a newer page, or has expired."
        body = f'<div class="card">{closed}</div>'
    return render_page(
        f"Pay {session.order_id}", _render_bill(session) + body + _render_exit_link(session, begun)
    )


def _render_bill(session: SnapSession) -> str:
    items = session.request.get("item_details")
    rows = "".join(
        f"<tr><td>{escape(str(item['name']))}</td>"
        f'<td class="number">{item["quantity"]} &times;</td>'
        f'<td class="number">{format_rupiah(item["price"])}</td></tr>'
        for item in (items if isinstance(items, list) else [])
    )
    return (
        f'<div class="card"><p class="soft">Order {escape(session.order_id)}</p>'
        f'<p class="sum">{format_rupiah(session.amount)}</p>'
        f"{rows and f'<table>{rows}</table>'}</div>"
    )


def _render_progress(begun: Transaction) -> str:
    head = (
        f'<div class="card"><div class="row"><b>{escape(begun.method.title)}</b>'
        f"{badge(begun.state)}</div>"
    )
    if begun.status != "pending":
        return head + "</div>"
    ends = f'<p class="soft">until {format_time(begun.ends)} WIB</p>' if begun.ends else ""
    moves = [*_PENDING, *([_REVIEW] if begun.method.is_card else [])]
    heading = "<h2>Simulate the buyer's action</h2>"
    return (
        head
        + _render_payment_fields(begun)
        + ends
        + "</div>"
        + heading
        + _render_form(buttons("move", moves, first_is_main=True))
    )


def _render_payment_fields(begun: Transaction) -> str:
    """Render the numbers that a buyer enters in a banking app."""
    fields = begun.method.fields(begun.number)
    accounts = fields.get("va_numbers")
    shown = fields | (accounts[0] if isinstance(accounts, list) else {})
    return "".join(
        f'<p><span class="soft">{title}</span><br><code>{escape(str(shown[name]))}</code></p>'
        for name, title in _FIELD_NAMES.items()
        if name in shown
    )


def _render_form(choices: str) -> str:
    return f'<form method="post" class="choices">{choices}</form>'


def _render_exit_link(session: SnapSession, begun: Transaction | None) -> str:
    if not session.finish_url:
        return ""
    parameters = {"order_id": session.order_id}
    if begun:
        code = str(begun.response_body("", "")["status_code"])
        parameters |= {"status_code": code, "transaction_status": begun.status}
    glue = "&" if "?" in session.finish_url else "?"
    url = escape(session.finish_url + glue + urlencode(parameters))
    callback = callback_name(begun.status if begun else "")
    link = f'<a class="button wide" data-callback="{callback}" href="{url}">Back to the shop</a>'
    return f"<p>{link}</p>{BACK_TO_SHOP}"
