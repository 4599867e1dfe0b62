"""Live bars of a generation: signatures first, then PDFs."""

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
    """Count the tickets of a run that were signed and stored so far."""

    @property
    def total(self) -> int:
        """Return how many people the run is for."""
        ...

    @property
    def created(self) -> int:
        """Return how many tickets are new."""
        ...

    @property
    def skipped(self) -> int:
        """Return how many people had a live ticket."""
        ...

    @property
    def failed(self) -> int:
        """Return how many people got no ticket."""
        ...


class RenderProgress(Protocol):
    """Count the PDFs of a run that are in place so far."""

    @property
    def total(self) -> int:
        """Return how many tickets the run is for."""
        ...

    @property
    def rendered(self) -> int:
        """Return how many PDFs were written."""
        ...

    @property
    def unchanged(self) -> int:
        """Return how many PDFs were up to date."""
        ...

    @property
    def failed(self) -> Sized:
        """Return what could not be rendered, one entry a ticket."""
        ...


class RowCounts(Protocol):
    """Count the rows of a file that were written so far."""

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        ...


class ProgressBars:
    """Two bars with created / skipped / failed beside them, fed by the actions' progress."""

    def __init__(self, progress: Progress) -> None:
        """Draw on that display; a bar appears with the first news of it."""
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def on_issue_progress(self, progress: IssueProgress) -> None:
        """Tickets signed and stored so far."""
        self._show(
            "issuing",
            progress.total,
            created=progress.created,
            skipped=progress.skipped,
            failed=progress.failed,
        )

    def on_render_progress(self, progress: RenderProgress) -> None:
        """PDFs in place so far."""
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
    """A line that counts rows as they are read, then as they are written; nothing when quiet."""
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
    """A line that counts one thing after the other; nothing when quiet."""
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
    """Shown on standard error, so that standard output holds the result alone."""
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
