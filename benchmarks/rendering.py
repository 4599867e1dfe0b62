"""Measure tickets per second: stamped, rendered in full, and by other programs.

    python -m benchmarks.rendering [--template classic] [--tickets 3000] [--runs 5] [--json]

All are measured by processor time, in turn, in one process on one processor, so that other load
affects all alike: quote the ratios. Our ticket includes its signature and QR code; the others get a
ready code. Chromium (playwright) and typst are measured where they are installed.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import platform
import random
import resource
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ticketing.crypto import ticket_token
from ticketing.crypto.keyring import Signer
from ticketing.documents.printed_page import PrintedPage
from ticketing.documents.qr import QrCode
from ticketing.documents.renderer import Renderer
from ticketing.documents.template_context import SAMPLE_TICKET
from ticketing.documents.template_html import TicketHtmlTemplate
from ticketing.documents.templates import TemplateFolders
from ticketing.documents.ticket_data import PrintedTicket

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.synchronize import Barrier

CHUNK = 100  # as the application renders
SLOW_TICKETS = 20  # of programs that take milliseconds
BATCH = 50
READY_SECONDS = 120
SIGNER = Signer(bytes(range(32)), generation=1)
VALID = (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FIRST = "Ayu Budi Siti José Dewi Agus Rina Putri Bambang Wahyu Fitri Rizky Andi Nur Eko Arif Yusuf"
LAST = (
    "Kusumaningtyas Santoso Aminah Phương O'Brien Wijaya Pratama Saputra Hidayat Nugroho Permata"
    " Siregar Simanjuntak Hutapea Lubis Nasution Wibowo Setiawan Susanto Gunawan Halim Firmansyah"
)
OTHER_SCRIPTS = (
    "王小明", "歐陽震華", "山田 太郎", "김민준", "राजेश कुमार", "محمد الأمين", "דוד בן־גוריון",
    "สมชาย ใจดี", "Екатерина Иванова", "Γιώργος Παπαδόπουλος", "ꦱꦸꦥꦿꦪꦠ꧀ꦤ",
)  # fmt: skip
SHARES = {"Latin": 0.0, "5 % other scripts": 0.05, "20 % other scripts": 0.2, "no Latin": 1.0}

Render = Callable[[Sequence[PrintedTicket]], int]
"""Renders tickets and returns the bytes of all files."""


def tickets(count: int, other: float) -> list[PrintedTicket]:
    """Create tickets that differ; `other` is the share of names in other scripts."""
    chance = random.Random(count)
    return [_ticket(number, chance, other) for number in range(count)]


def _ticket(number: int, chance: random.Random, other: float) -> PrintedTicket:
    first, last = chance.choice(FIRST.split()), chance.sample(LAST.split(), 3)
    name = " ".join([first, *last[: chance.choice((1, 1, 2, 2, 3))]])
    if chance.random() < other:
        name = f"{chance.choice(OTHER_SCRIPTS)} {chance.choice(OTHER_SCRIPTS)}"
    return replace(
        SAMPLE_TICKET,
        full_name=name,
        email=f"guest{number}@example.org",
        seat=f"{chance.choice('ABCDEF')}-{chance.randrange(400)}",
        ticket_code=f"TC-2026-{hashlib.sha256(str(number).encode()).hexdigest()[:8].upper()}",
        qr_text=_signed(number),
    )


def _signed(number: int) -> str:
    packed = ticket_token.pack_head(1, 1, *VALID) + number.to_bytes(ticket_token.TOKEN_ID_BYTES)
    return ticket_token.encode_token(packed, SIGNER.sign(packed))


def stamped(template: str) -> Render:
    """Return a function that signs and renders as the application does."""
    renderer = Renderer(TemplateFolders()).open(template)

    def render(work: Sequence[PrintedTicket]) -> int:
        size = 0
        for at in range(0, len(work), CHUNK):
            chunk = work[at : at + CHUNK]
            for number, ticket in enumerate(chunk, at):
                if _signed(number) != ticket.qr_text:  # signed anew, which gives the same text
                    raise ValueError(ticket.ticket_code)
            renderer.prepare(chunk)
            for ticket in chunk:
                key = renderer.document_key(ticket)
                size += renderer.render(ticket, key).size
        return size

    return render


def in_full(template: str) -> Render:
    """Return a function that renders as the application does where it cannot stamp."""
    renderer = Renderer(TemplateFolders()).open(template)
    return lambda work: sum(len(renderer.render_in_full(each, "0" * 32)) for each in work)


def weasyprint_document(template: str) -> Render:
    """Return a function that loads fonts, stylesheet and images for every document."""
    import weasyprint  # noqa: PLC0415

    style = TemplateFolders().get(template).folder / "ticket.css"

    def render(work: Sequence[PrintedTicket]) -> int:
        size = 0
        for html in map(_html_of(template), work):
            document = weasyprint.HTML(string=html, base_url=f"{style.parent.as_uri()}/")
            size += len(document.write_pdf(stylesheets=[weasyprint.CSS(filename=style)]))
        return size

    return render


def weasyprint_batch(template: str) -> Render:
    """Return a function that writes one document of many pages with shared resources."""
    import weasyprint  # noqa: PLC0415
    from weasyprint.text.fonts import FontConfiguration  # noqa: PLC0415

    style = TemplateFolders().get(template).folder / "ticket.css"
    fonts, images = FontConfiguration(), dict[str, object]()
    css = [weasyprint.CSS(filename=style, font_config=fonts)]

    def render(work: Sequence[PrintedTicket]) -> int:
        documents = [
            weasyprint.HTML(string=html, base_url=f"{style.parent.as_uri()}/").render(
                font_config=fonts, stylesheets=css, cache=images
            )
            for html in map(_html_of(template), work)
        ]
        pages = [page for document in documents for page in document.pages]
        return len(documents[0].copy(pages).write_pdf())

    return render


def _html_of(template: str) -> Callable[[PrintedTicket], str]:
    page = TicketHtmlTemplate(TemplateFolders().get(template))

    def html(ticket: PrintedTicket) -> str:
        printed, url = PrintedPage.of(ticket), QrCode(ticket.qr_text).data_url()
        picture = Markup('<img class="qr" src="{}" alt="">').format(url)
        codes = {"qr": picture, "qrCodeUrl": url}
        return page.render_html({**printed.texts, **printed.event.language, **codes})

    return html


@contextmanager
def chromium(template: str) -> Iterator[Render | str]:
    """Give a function that prints with one page of Chromium, or why it cannot be measured."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        yield "chromium is not installed"
        return
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415
    except ImportError:
        yield "playwright is not installed"
        return
    style = (TemplateFolders().get(template).folder / "ticket.css").read_text()
    make_html = _html_of(template)
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()

        def render(work: Sequence[PrintedTicket]) -> int:
            size = 0
            for ticket in work:
                page.set_content(f"<style>{style}</style>{make_html(ticket)}")
                size += len(page.pdf(prefer_css_page_size=True))
            return size

        yield render
        browser.close()


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds and bytes of one ticket."""

    milliseconds: float
    size: float


def measure(render: Render, work: Sequence[PrintedTicket], clock: Callable[[], float]) -> Measured:
    """Return milliseconds and bytes per ticket."""
    began = clock()
    size = render(work)
    return Measured((clock() - began) / len(work) * 1000, size / len(work))


def percentiles(template: str) -> dict[str, float]:
    """Return how long single tickets take on demand, in milliseconds by the wall clock."""
    renderer, spent = Renderer(TemplateFolders()).open(template), []
    for ticket in tickets(2000, 0.05)[::-1]:
        began = time.perf_counter()
        renderer.render(ticket)
        spent.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(spent[len(spent) // 2 :], n=100)
    return {"p50": cuts[49], "p99": cuts[98]}


def two_processes(template: str, count: int, processors: Sequence[int]) -> float | None:
    """Return the rate of two processes at once by that of one; None on one processor.

    By processor time, which sees that they share caches and memory. They share no lock.
    """
    if len(processors) < 2:  # noqa: PLR2004 - one for each
        return None
    alone, both = (sum(_rates(template, count, processors[:number])) for number in (1, 2))
    return round(both / alone, 2)


def _rates(template: str, count: int, processors: Sequence[int]) -> list[float]:
    """Return the tickets a second of processes that stamp at the same time."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(len(processors), timeout=READY_SECONDS)
    receivers = []
    for each in processors:
        receiver, sender = context.Pipe(duplex=False)
        context.Process(target=_stamp_on, args=(template, count, each, ready, sender)).start()
        sender.close()  # so that the end of the process is the end of the pipe
        receivers.append(receiver)
    return [float(receiver.recv()) for receiver in receivers]


def _stamp_on(
    template: str, count: int, processor: int, ready: "Barrier", sender: "Connection[float, float]"
) -> None:
    os.sched_setaffinity(0, {processor})
    stamp, work = stamped(template), tickets(count, 0)
    stamp(work[:CHUNK])
    ready.wait()
    began = time.process_time()
    stamp(work)
    sender.send(count / (time.process_time() - began))


def run(template: str, count: int, runs: int) -> dict[str, Any]:
    """Return the medians of several runs, all ways in turn."""
    stamp = stamped(template)
    work = {name: tickets(count, share) for name, share in SHARES.items()}
    few = tickets(SLOW_TICKETS, 0)
    clock = time.process_time
    with chromium(template) as browser:
        ways = {f"stamped, {name}": (stamp, each, clock) for name, each in work.items()}
        ways["in full"] = (in_full(template), few, clock)
        ways["weasyprint_document"] = (weasyprint_document(template), few, clock)
        ways["weasyprint_batch"] = (weasyprint_batch(template), few, clock)
        if not isinstance(browser, str):
            # its work is done by other processes: only the wall clock sees it
            ways["chromium"] = (browser, few, time.perf_counter)
        for render, each, _ in ways.values():
            render(each)
        measured = [
            {name: measure(render, each, by) for name, (render, each, by) in ways.items()}
            for _ in range(runs)
        ]
    medians = {
        name: Measured(
            statistics.median(each[name].milliseconds for each in measured),
            measured[0][name].size,
        )
        for name in ways
    }
    skipped = {"typst": "no measurement of typst is written"}
    if isinstance(browser, str):
        skipped["chromium"] = browser
    return {"medians": medians, "skipped": skipped, "on_demand_ms": percentiles(template)}


def ratios(medians: dict[str, Measured], name: str) -> dict[str, float]:
    """Return how many times longer the others take than stamping."""
    ours = medians[f"stamped, {name}"].milliseconds
    return {
        other: round(each.milliseconds / ours, 1)
        for other, each in medians.items()
        if not other.startswith("stamped")
    }


def report(template: str, found: dict[str, Any]) -> None:
    """Print a line per way of rendering, and the ratios."""
    medians = found["medians"]
    print(f"{machine()}; template {template}")
    print(f"{'':34}{'ms':>9}{'per second':>12}{'bytes':>9}")
    for name, each in medians.items():
        rate = 1000 / each.milliseconds
        print(f"{name:34}{each.milliseconds:9.3f}{rate:12.1f}{each.size:9.0f}")
    for name in SHARES:
        print(f"times longer than stamped, {name}: {ratios(medians, name)}")
    print(f"one ticket on demand, 5 % other scripts: {found['on_demand_ms']} ms")
    two = found["two_processes"]
    print(f"two processes: {two or 'not measured, there is one processor'}")
    for name, reason in found["skipped"].items():
        print(f"{name} skipped: {reason}")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


def as_json(template: str, found: dict[str, Any]) -> str:
    """Return the result as JSON."""
    medians = found["medians"]
    return json.dumps(
        {
            "template": template,
            "machine": machine(),
            "ratios": ratios(medians, "Latin"),
            "ratios_by_names": {name: ratios(medians, name) for name in SHARES},
            "ms": {name: each.milliseconds for name, each in medians.items()},
            "bytes": {name: each.size for name, each in medians.items()},
            "on_demand_ms": found["on_demand_ms"],
            "two_processes": found["two_processes"],
            "skipped": found["skipped"],
        },
        indent=2,
    )


def machine() -> str:
    """Return processor, Python and date."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next(
        (line.partition(": ")[2] for line in lines if line.startswith("model name")), "?"
    )
    return f"{processor}, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}"


def main() -> None:
    """Measure on one processor and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--template", default="classic")
    parser.add_argument("--tickets", type=int, default=3000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[0]})
    found = run(options.template, options.tickets, options.runs)
    found["two_processes"] = two_processes(options.template, options.tickets, processors)
    if options.json:
        print(as_json(options.template, found))
    else:
        report(options.template, found)


if __name__ == "__main__":
    main()
