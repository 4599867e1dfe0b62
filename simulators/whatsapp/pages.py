"""HTML overview of messages and reports, without external resources."""

from collections.abc import Iterable, Sequence
from html import escape

from simulators.whatsapp.faults import WhatsAppFaults
from simulators.whatsapp.message import SimulatedMessage
from simulators.whatsapp.webhooks import ReportAttempt

_MAX_SHOWN = 200
_FRAME = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>WhatsApp simulator</title><style>
body{{font:16px/1.5 system-ui,sans-serif;max-width:80rem;margin:0 auto;padding:1rem}}
.simulation{{background:#fd6;padding:.5rem 1rem;font-weight:bold}}
table{{border-collapse:collapse;width:100%}}td,th{{text-align:left;padding:.25rem .5rem;
border-bottom:1px solid #ccc;vertical-align:top}}td{{overflow-wrap:break-word}}
.text{{white-space:pre-wrap;background:#e7fed9;border-radius:.5rem;padding:.25rem .5rem;
display:inline-block}}.file{{font-size:.85em;color:#555}}.failed{{color:#b00}}</style></head><body>
<p class="simulation">SIMULATION: this WhatsApp delivers nothing.</p>
<h1>WhatsApp simulator</h1>{body}</body></html>"""


def render_overview(
    messages: Sequence[SimulatedMessage], attempts: Sequence[ReportAttempt], faults: WhatsAppFaults
) -> str:
    """Render all messages and reports, newest first."""
    received = [_render_message(each) for each in reversed(messages[-_MAX_SHOWN:])]
    reports = [_render_attempt(each) for each in reversed(attempts[-_MAX_SHOWN:])]
    switches = [(name, escape(str(value))) for name, value in faults.to_dict().items()]
    body = (
        _render_table(
            f"Messages ({len(messages)})", ("at", "gateway", "to", "message", "state"), received
        )
        + _render_table(
            f"Reports ({len(attempts)})",
            ("at", "report", "attempt", "URL", "response", "retry"),
            reports,
        )
        + _render_table("Faults", ("fault", "value"), switches)
    )
    return _FRAME.format(body=body)


def _render_message(message: SimulatedMessage) -> tuple[str, ...]:
    draft = message.draft
    text = f'<span class="text">{escape(draft.text)}</span>' if draft.text else ""
    parts = [text, _render_file(message)]
    if draft.template:
        parts.append(f'<div class="file">template {escape(draft.template)}</div>')
    step = escape(message.step)
    if message.step == "failed":
        step = f'<span class="failed">failed ({message.code})</span>'
    return (_format_clock(message.at), draft.gateway, escape(draft.to), "".join(parts), step)


def _render_file(message: SimulatedMessage) -> str:
    file = message.draft.file
    if file is None:
        return ""
    return f'<div class="file">file {escape(file.name)}, {file.size:,} bytes</div>'


def _render_attempt(attempt: ReportAttempt) -> tuple[str, ...]:
    again = "never" if attempt.retry_in_seconds is None else f"in {attempt.retry_in_seconds:.0f} s"
    answer = str(attempt.answer or "none")
    cells = (attempt.what, str(attempt.number), attempt.url, answer, again)
    return (_format_clock(attempt.at), *(escape(text) for text in cells))


def _format_clock(at: object) -> str:
    return escape(f"{at:%H:%M:%S}")


def _render_table(title: str, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    """Render a table of HTML cells."""
    head = "".join(f"<th>{column}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<h2>{title}</h2><table><tr>{head}</tr>{body}</table>"
