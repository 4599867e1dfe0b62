"""Page layout of the simulator, for narrow screens first, with a simulation banner."""

from html import escape

_STYLE = """
:root{--ink:#16202c;--soft:#5b6878;--line:#dde3ea;--paper:#fff;--ground:#eef1f5;--act:#0b5fc0}
*{box-sizing:border-box}
body{margin:0;font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--ink);
background:var(--ground)}
.simulation{margin:0;padding:.6rem 1rem;text-align:center;font-weight:600;color:#3d2c00;
background:repeating-linear-gradient(-45deg,#ffd75e 0 14px,#ffcd38 14px 28px)}
main{margin:0 auto;padding:1rem}
h1{font-size:1.35rem;line-height:1.25;margin:.5rem 0}
h2{font-size:1.05rem;margin:1.5rem 0 .5rem}
p{margin:.5rem 0}
.soft{color:var(--soft);font-size:.9rem}
.card{background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:1rem;
margin:0 0 .75rem}
.sum{font-size:1.9rem;font-weight:700;line-height:1.2;margin:0}
.row{display:flex;justify-content:space-between;align-items:baseline;gap:.25rem .75rem;
flex-wrap:wrap}
.order{font-weight:600;overflow-wrap:anywhere}
.badge{border-radius:99px;padding:.05rem .65rem;font-size:.85rem;background:#e6eaf0;
white-space:nowrap}
.badge.good{background:#d5f0dd;color:#0c5a2a}.badge.bad{background:#fbdede;color:#8a1c1c}
.badge.open{background:#dfeaff;color:#0b428c}
table{border-collapse:collapse;width:100%;font-size:.95rem}
th{font-weight:500;color:var(--soft);text-align:left}
td,th{padding:.35rem .75rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td.number{text-align:right;white-space:nowrap}td.number:last-child{padding-right:0}
tr:last-child td{border-bottom:0}
.scroll{overflow-x:auto}
code{font:600 1.15rem ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}
button,.button{font:inherit;color:var(--act);background:var(--paper);border:1px solid #b9cbe0;
border-radius:10px;padding:.55rem .9rem;cursor:pointer;text-decoration:none;display:inline-block}
button:hover,.button:hover{background:#f2f7ff}
button.main{background:var(--act);border-color:var(--act);color:#fff;font-weight:600}
.choices{display:grid;gap:.5rem}
.choices button,.button.wide{width:100%;text-align:left;padding:.8rem 1rem}
.choices button.main,.button.wide{text-align:center}
.few{display:flex;flex-wrap:wrap;gap:.5rem;margin-top:.75rem}
.few button{padding:.35rem .75rem;font-size:.9rem}
.switches{display:grid;gap:.6rem;margin:.75rem 0}
.switches label{display:flex;justify-content:space-between;align-items:center;gap:1rem}
.switches input{font:inherit;width:6rem;flex:none;padding:.25rem .5rem;border:1px solid #b9cbe0;
border-radius:8px}
.switches input[type=checkbox]{width:1.3rem;height:1.3rem}
summary{cursor:pointer;color:var(--act);margin-top:.75rem}
@media(min-width:60rem){.beside{display:grid;grid-template-columns:3fr 2fr;gap:1.5rem}}
"""
_FRAME = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>{title}</title><style>{style}</style></head><body>
<p class="simulation">SIMULATION. Not Midtrans: no money moves.</p>
<main style="max-width:{width}">{body}</main></body></html>"""
_STATE_LABELS = {
    "pending": ("open", "waiting for the buyer"),
    "challenge": ("open", "card under review"),
    "authorize": ("open", "card authorised, not captured"),
    "capture": ("good", "paid by card"),
    "settlement": ("good", "paid"),
    "deny": ("bad", "declined"),
    "failure": ("bad", "gateway error"),
    "expire": ("bad", "expired"),
    "cancel": ("bad", "cancelled"),
    "partial_refund": ("", "partly refunded"),
    "refund": ("", "refunded"),
    "partial_chargeback": ("bad", "partly charged back"),
    "chargeback": ("bad", "charged back"),
}


def render_page(title: str, body: str, width: str = "30rem") -> str:
    """Render a complete page."""
    return _FRAME.format(title=escape(title), style=_STYLE, body=body, width=width)


def badge(state: str) -> str:
    """Render a state in plain words; Midtrans' own term is the tooltip."""
    kind, words = _STATE_LABELS[state]
    return f'<span class="badge {kind}" title="{state}">{words}</span>'


def format_rupiah(amount: int) -> str:
    """Format an amount in Indonesian notation."""
    return f"Rp {amount:,}".replace(",", ".")


def buttons(name: str, choices: list[tuple[str, str]], *, first_is_main: bool = False) -> str:
    """Render buttons that send the same field with different values."""
    marks = [
        ' class="main"' if first_is_main and not place else "" for place in range(len(choices))
    ]
    return "".join(
        f'<button name="{name}" value="{escape(value)}"{mark}>{escape(label)}</button>'
        for mark, (value, label) in zip(marks, choices, strict=True)
    )
