"""HTML overview of received mails, without external resources."""

from collections.abc import Sequence
from html import escape

from simulators.mail.box import ReceivedMail
from simulators.mail.faults import MailFaults

_SHOWN = 100
_FRAME = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Mail simulator</title>
<style>
body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}}
.simulation{{background:#fd6;padding:.5rem 1rem;font-weight:bold}}
article{{border:1px solid #ccc;border-radius:.5rem;padding:.5rem 1rem;margin:1rem 0}}
h2{{margin:0;font-size:1.1rem}}pre{{white-space:pre-wrap;font:inherit}}
iframe{{width:100%;height:24rem;border:1px solid #ccc}}small{{color:#555}}</style></head><body>
<p class="simulation">SIMULATION: this mail server delivers nothing.</p>
<h1>Mail simulator ({total})</h1><p><small>Faults: {faults}</small></p>{mails}</body></html>"""


def render_overview(mails: Sequence[ReceivedMail], faults: MailFaults) -> str:
    """Render all mails, newest first, as text and as HTML."""
    shown = "".join(_mail(mail) for mail in reversed(mails[-_SHOWN:]))
    return _FRAME.format(total=len(mails), faults=escape(str(faults.to_dict())), mails=shown)


def _mail(mail: ReceivedMail) -> str:
    message = mail.message
    html = message.get_body(("html",))
    # sandboxed frame: scripts do not run
    looks = f'<iframe sandbox srcdoc="{escape(str(html.get_content()))}"></iframe>' if html else ""
    files = ", ".join(
        f"{escape(name)} ({len(content):,} bytes)" for name, content in mail.files.items()
    )
    return (
        f"<article><h2>{escape(str(message['Subject']))}</h2>"
        f"<small>{mail.at:%H:%M:%S} · from {escape(str(message['From']))} · to "
        f"{escape(str(message['To']))} · {escape(str(message['Message-ID']))}</small>"
        f"<pre>{escape(mail.text)}</pre><small>{files and f'Files: {files}'}</small>{looks}"
        "</article>"
    )
