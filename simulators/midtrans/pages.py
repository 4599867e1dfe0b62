"""The page to pay on, as a buyer sees it; what would happen on their phone is a button on it."""

from html import escape
from urllib.parse import urlencode

from simulators.midtrans.look import badge, buttons, framed, rupiah_shown
from simulators.midtrans.snap import Session
from simulators.midtrans.transaction import Transaction, jakarta

PATH = "/snap/v4/redirection/"
_PENDING = [
    ("pay", "Pay"),
    ("decline", "Let the payment be refused"),
    ("fail", "Let the payment break down"),
]
_REVIEW = ("challenge", "Pay with a card that needs a review")
_NOT_OVER = {"pending", "deny", "failure"}
_FIELD_NAMES = {
    "va_number": "Virtual account",
    "permata_va_number": "Virtual account",
    "biller_code": "Biller code",
    "bill_key": "Bill key",
    "payment_code": "Payment code",
    "store": "Store",
}


def unknown() -> str:
    """For a token there is not."""
    return framed("Not found", "<h1>No such payment page</h1>")


def payment(session: Session, begun: Transaction | None, *, is_open: bool) -> str:
    """What a buyer sees."""
    if begun and not (is_open and begun.status in _NOT_OVER):
        body = _progress(begun)
    elif is_open:
        refused = "<p>The payment was refused. Try another way.</p>" if begun else ""
        offers = [(method.name, method.title) for method in session.methods]
        body = refused + "<h2>Pay with</h2>" + _form(buttons("method", offers))
    else:
        closed = "This page is closed: cancelled, replaced by a newer one, or too old."
        body = f'<div class="card">{closed}</div>'
    return framed(f"Pay {session.order_id}", _bill(session) + body + _leave(session, begun))


def _bill(session: Session) -> str:
    items = session.request.get("item_details")
    rows = "".join(
        f"<tr><td>{escape(str(item['name']))}</td>"
        f'<td class="number">{item["quantity"]} &times;</td>'
        f'<td class="number">{rupiah_shown(item["price"])}</td></tr>'
        for item in (items if isinstance(items, list) else [])
    )
    return (
        f'<div class="card"><p class="soft">Order {escape(session.order_id)}</p>'
        f'<p class="sum">{rupiah_shown(session.amount)}</p>'
        f"{rows and f'<table>{rows}</table>'}</div>"
    )


def _progress(begun: Transaction) -> str:
    head = (
        f'<div class="card"><div class="row"><b>{escape(begun.method.title)}</b>'
        f"{badge(begun.state)}</div>"
    )
    if begun.status != "pending":
        return head + "</div>"
    ends = f'<p class="soft">until {jakarta(begun.ends)} WIB</p>' if begun.ends else ""
    moves = [*_PENDING, *([_REVIEW] if begun.method.is_card else [])]
    asked = '<h2>What happens now?</h2><p class="soft">On a real page the buyer would act.</p>'
    return (
        head
        + _to_pay_with(begun)
        + ends
        + "</div>"
        + asked
        + _form(buttons("move", moves, first_is_main=True))
    )


def _to_pay_with(begun: Transaction) -> str:
    """The numbers a buyer types into their bank's app."""
    fields = begun.method.fields(begun.number)
    accounts = fields.get("va_numbers")
    shown = fields | (accounts[0] if isinstance(accounts, list) else {})
    return "".join(
        f'<p><span class="soft">{title}</span><br><code>{escape(str(shown[name]))}</code></p>'
        for name, title in _FIELD_NAMES.items()
        if name in shown
    )


def _form(choices: str) -> str:
    return f'<form method="post" class="choices">{choices}</form>'


def _leave(session: Session, begun: Transaction | None) -> str:
    if not session.finish_url:
        return ""
    told = {"order_id": session.order_id}
    if begun:
        code = str(begun.answered("", "")["status_code"])
        told |= {"status_code": code, "transaction_status": begun.status}
    glue = "&" if "?" in session.finish_url else "?"
    url = escape(session.finish_url + glue + urlencode(told))
    return f'<p><a class="button wide" href="{url}">Back to the shop</a></p>'
