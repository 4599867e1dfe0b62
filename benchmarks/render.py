"""Measure PDFs per core: our renderer, and WeasyPrint without shared resources.

`python benchmarks/render.py [tickets]`. Rates are by CPU time, which other programs on the machine
hardly influence; the wall clock is printed as well. Medians of several runs.
"""

import hashlib
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from markupsafe import Markup

from ticketing.documents.qr import QrCode
from ticketing.documents.renderer import Renderer
from ticketing.documents.template_context import SAMPLE_TICKET, language_variables, ticket_variables
from ticketing.documents.template_html import TicketHtmlTemplate
from ticketing.documents.templates import TemplateFolders
from ticketing.documents.ticket_data import PrintedTicket

RUNS = 5
NAMES = ["Ayu Kusumaningtyas", "Budi Santoso", "Nguyễn Thị Phương", "José O'Brien", "Siti Aminah"]


def tickets(count: int) -> list[PrintedTicket]:
    """Create tickets with different names, seats, codes and QR codes."""
    return [
        replace(
            SAMPLE_TICKET,
            full_name=f"{NAMES[number % len(NAMES)]} {number}",
            seat=f"A-{number}",
            ticket_code=f"TC-2026-{number:08}",
            qr_text=f"TC1{hashlib.sha512(str(number).encode()).hexdigest().upper()}{number:013}",
        )
        for number in range(count)
    ]


def ours(template: str) -> Callable[[PrintedTicket], bytes]:
    """Return a function that renders as the application does."""
    renderer = Renderer(TemplateFolders())
    return lambda ticket: renderer.render(ticket, template)


def nothing_shared(template: str) -> Callable[[PrintedTicket], bytes]:
    """Return a function that loads fonts, stylesheet and images for every document."""
    import weasyprint  # noqa: PLC0415

    found = TemplateFolders().get(template)
    page, style, base = (
        TicketHtmlTemplate(found),
        found.folder / "ticket.css",
        f"{found.folder.as_uri()}/",
    )

    def render(ticket: PrintedTicket) -> bytes:
        url = QrCode(ticket.qr_text).data_url()
        texts = {**ticket_variables(ticket), **language_variables(ticket), "qrCodeUrl": url}
        html = page.render_html(
            {**texts, "qr": Markup('<img class="qr" src="{}" alt="">').format(url)}
        )
        document = weasyprint.HTML(string=html, base_url=base)
        return bytes(document.write_pdf(stylesheets=[weasyprint.CSS(filename=style)]))

    return render


def rate(render: Callable[[PrintedTicket], bytes], work: list[PrintedTicket]) -> tuple[float, ...]:
    """Return milliseconds per ticket by CPU and wall clock, and bytes per ticket."""
    began = time.process_time(), time.perf_counter()
    size = sum(len(render(ticket)) for ticket in work)
    spent = time.process_time() - began[0], time.perf_counter() - began[1]
    return spent[0] / len(work) * 1000, spent[1] / len(work) * 1000, size / len(work)


def processor() -> str:
    """Return the processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "?")


def main(count: int) -> None:
    """Print one line per renderer."""
    work = tickets(count)
    print(f"{processor()}, Python {platform.python_version()}, {RUNS} runs of {count} tickets")
    print(f"{'':34}{'ms cpu':>8}{'best':>7}{'ms wall':>9}{'per core and s':>16}{'bytes':>8}")
    ways = {
        f"{template}, {name}": way(template)
        for template in ("classic", "plain")
        for name, way in (("ours", ours), ("nothing shared", nothing_shared))
    }
    for render in ways.values():
        rate(render, work[:5])
    # in turn, so that other load affects all alike
    measured = [{name: rate(render, work) for name, render in ways.items()} for _ in range(RUNS)]
    for name in ways:
        columns = zip(*(run[name] for run in measured), strict=True)
        cpu, wall, size = (statistics.median(column) for column in columns)
        best = min(run[name][0] for run in measured)
        print(f"{name:34}{cpu:8.1f}{best:7.1f}{wall:9.1f}{1000 / cpu:16.1f}{size:8.0f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak memory of all four together: {peak} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
