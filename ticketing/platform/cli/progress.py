"""Progress bars of ticket generation, imports and exports."""

from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)


class IssueProgress(Protocol):
    """Progress of issuing: the tickets signed and stored so far."""

    @property
    def total(self) -> int:
        """Return the number of people of the run."""
        ...

    @property
    def created(self) -> int:
        """Return the number of new tickets."""
        ...

    @property
    def skipped(self) -> int:
        """Return the number of people with a live ticket."""
        ...

    @property
    def failed(self) -> int:
        """Return the number of people without a ticket."""
        ...


class RenderProgress(Protocol):
    """Progress of rendering: the PDFs written so far."""

    @property
    def total(self) -> int:
        """Return the number of tickets of the run."""
        ...

    @property
    def rendered(self) -> int:
        """Return the number of PDFs written."""
        ...

    @property
    def unchanged(self) -> int:
        """Return the number of PDFs that were up to date."""
        ...

    @property
    def failed(self) -> Sized:
        """Return the failures, one entry per ticket."""
        ...


class RowCounts(Protocol):
    """Progress of writing the rows of a file."""

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        ...


class ProgressBars:
    """Two bars, for issuing and rendering, with the counts created, skipped and failed."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def on_issue_progress(self, progress: IssueProgress) -> None:
        """Show the progress of issuing."""
        self._show(
            "issuing",
            progress.total,
            created=progress.created,
            skipped=progress.skipped,
            failed=progress.failed,
        )

    def on_render_progress(self, progress: RenderProgress) -> None:
        """Show the progress of rendering."""
        self._show(
            "printing", progress.total, created=progress.rendered, skipped=progress.unchanged,
            failed=len(progress.failed),
        )  # fmt: skip

    def _show(self, name: str, total: int, **counts: int) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, counts="")
        self._progress.update(
            self._tasks[name],
            total=total,
            completed=sum(counts.values()),
            counts="  ".join(f"{label} {count}" for label, count in counts.items()),
        )


@contextmanager
def import_progress(*, quiet: bool) -> Iterator[Callable[[int, RowCounts], None] | None]:
    """Show a line that counts the rows read, then those written; nothing when quiet."""
    if quiet:
        yield None
        return
    with Progress(
        TextColumn("{task.description}"), TextColumn("{task.completed:,} rows"),
        console=Console(stderr=True), transient=True,
    ) as progress:  # fmt: skip
        task = progress.add_task("reading", total=None)

        def show(rows: int, counts: RowCounts) -> None:
            progress.update(
                task, completed=rows, description="writing" if counts.rows else "reading"
            )

        yield show


@contextmanager
def count_progress(*, quiet: bool) -> Iterator[Callable[[str, int], None] | None]:
    """Show a line with a label and a count; nothing when quiet."""
    if quiet:
        yield None
        return
    with Progress(
        TextColumn("{task.description}"), TextColumn("{task.completed:,}"),
        console=Console(stderr=True), transient=True,
    ) as progress:  # fmt: skip
        task = progress.add_task("", total=None)

        def show(what: str, count: int) -> None:
            progress.update(task, description=what, completed=count)

        yield show


@contextmanager
def progress_bars() -> Iterator[ProgressBars]:
    """Show progress bars on standard error, so that standard output has only the result."""
    progress = Progress(
        TextColumn("{task.description:<9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[counts]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with progress:
        yield ProgressBars(progress)
