"""The page to pay on and the page to watch on. Plain HTML, nothing from elsewhere."""

from collections.abc import Sequence
from html import escape
from urllib.parse import urlencode

from simulators.midtrans.faults import Faults
from simulators.midtrans.notifier import Attempt
from simulators.midtrans.snap import Json, Session
from simulators.midtrans.transaction import Transaction

PATH = "/snap/v4/redirection/"
_FRAME = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title><style>
body{{font:16px/1.5 system-ui,sans-serif;max-width:{width};margin:0 auto;padding:1rem}}
.rehearsal{{background:#fd6;padding:.5rem 1rem;font-weight:bold}}
button,.leave{{display:block;width:100%;padding:.75rem;margin:.5rem 0;font:inherit}}
table{{border-collapse:collapse;width:100%}}td,th{{text-align:left;padding:.25rem .5rem;
border-bottom:1px solid #ccc}}code{{font-size:1.1em}}</style></head><body>
<p class="rehearsal">REHEARSAL: a simulator of Midtrans. No money moves here.</p>
{body}</body></html>"""
_PENDING = (
    ("pay", "Pay"),
    ("decline", "Let the payment be refused"),
    ("fail", "Let the payment break down"),
)
_REVIEW = ("challenge", "Pay with a card that needs a review")
_NOT_OVER = {"pending", "deny", "failure"}


def unknown() -> str:
    """For a token there is not."""
    return _framed("Not found", "<h1>No such payment page</h1>")


def payment(session: Session, begun: Transaction | None, *, is_open: bool) -> str:
    """What a buyer sees."""
    head = f"<h1>Order {escape(session.order_id)}</h1>{_items(session)}"
    if begun and not (is_open and begun.status in _NOT_OVER):
        body = _progress(begun)
    elif is_open:
        refused = "<p>The payment was refused. Try another way.</p>" if begun else ""
        body = refused + "<h2>Pay with</h2>" + _buttons("method", _offers(session))
    else:
        body = "<p>This page is closed: cancelled, replaced by a newer one, or too old.</p>"
    return _framed(f"Pay {session.order_id}", head + body + _leave(session, begun))


def overview(
    sessions: list[Session], transactions: list[Json], attempts: list[Attempt], faults: Faults
) -> str:
    """What whoever rehearses sees: pages, payments, every notification and its answer."""
    opened = [
        (f'<a href="{PATH}{page.token}">{escape(page.order_id)}</a>', f"Rp {page.amount:,}")
        for page in sessions
    ]
    fields = ("order_id", "payment_type", "transaction_status", "fraud_status", "gross_amount")
    paid = [tuple(escape(str(each[name])) for name in fields) for each in transactions]
    told = [_attempt_row(attempt) for attempt in attempts]
    switches = [(name, escape(str(value))) for name, value in faults.shown().items()]
    body = (
        _table("Payment pages", ("order", "amount"), opened)
        + _table("Payments", fields, paid)
        + _table("Notifications", ("at", "order", "status", "try", "to", "answer", "again"), told)
        + _table("Faults", ("switch", "stands at"), switches)
    )
    return _framed("Midtrans simulator", f"<h1>Midtrans simulator</h1>{body}", width="70rem")


def _framed(title: str, body: str, width: str = "30rem") -> str:
    return _FRAME.format(title=escape(title), body=body, width=width)


def _items(session: Session) -> str:
    items = session.request.get("item_details")
    rows = [
        (escape(str(item["name"])), str(item["quantity"]), f"Rp {item['price']:,}")
        for item in (items if isinstance(items, list) else [])
    ]
    total = ("<b>Total</b>", "", f"<b>Rp {session.amount:,}</b>")
    return _table("", ("item", "number", "price"), [*rows, total])


def _offers(session: Session) -> list[tuple[str, str]]:
    return [(method.name, method.title) for method in session.methods]


def _progress(begun: Transaction) -> str:
    said = f"<p>{escape(begun.method.title)}: <b>{escape(begun.status)}</b></p>"
    if begun.status != "pending":
        return said
    fields = begun.method.fields(begun.number)
    shown = "".join(
        f"<p>{escape(name)}: <code>{escape(str(value))}</code></p>"
        for name, value in fields.items()
        if name != "payment_amounts"
    )
    moves = [*_PENDING, *([_REVIEW] if begun.method.is_card else [])]
    return said + shown + _buttons("move", moves)


def _buttons(name: str, choices: list[tuple[str, str]]) -> str:
    buttons = "".join(
        f'<button name="{name}" value="{escape(value)}">{escape(label)}</button>'
        for value, label in choices
    )
    return f'<form method="post">{buttons}</form>'


def _leave(session: Session, begun: Transaction | None) -> str:
    if not session.finish_url:
        return ""
    told = {"order_id": session.order_id}
    if begun:
        code = str(begun.answered("", "")["status_code"])
        told |= {"status_code": code, "transaction_status": begun.status}
    glue = "&" if "?" in session.finish_url else "?"
    url = escape(session.finish_url + glue + urlencode(told))
    return f'<a class="leave" href="{url}">Back to the shop</a>'


def _attempt_row(attempt: Attempt) -> tuple[str, ...]:
    again = "never" if attempt.retry_in_seconds is None else f"in {attempt.retry_in_seconds:.0f} s"
    told = (attempt.at.isoformat(timespec="seconds"), attempt.order_id, attempt.transaction_status)
    answer = str(attempt.answer or attempt.problem)
    return tuple(escape(text) for text in (*told, str(attempt.number), attempt.url, answer, again))


def _table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table of cells that are HTML already."""
    head = "".join(f"<th>{column}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"{title and f'<h2>{title}</h2>'}<table><tr>{head}</tr>{body}</table>"
