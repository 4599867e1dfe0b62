"""Progress bars and counters on standard error, so that standard output has only the result."""

from collections.abc import Callable, Iterator
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


class ShowBar(Protocol):
    """Shows a bar by its name; the counts are its parts."""

    def __call__(self, name: str, total: int, **counts: int) -> None: ...  # noqa: D102


@contextmanager
def count_progress(*, quiet: bool, unit: str = "") -> Iterator[Callable[[str, int], None]]:
    """Show a line with a label and a count; nothing when quiet."""
    if quiet:
        yield lambda _label, _count: None
        return
    with Progress(
        TextColumn("{task.description}"), TextColumn("{task.completed:,}" + unit),
        console=Console(stderr=True), transient=True,
    ) as progress:  # fmt: skip
        task = progress.add_task("", total=None)
        yield lambda label, count: progress.update(task, description=label, completed=count)


@contextmanager
def progress_bars(*, quiet: bool) -> Iterator[ShowBar]:
    """Show bars with their counts; nothing when quiet."""
    progress = Progress(
        TextColumn("{task.description:<9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[counts]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet,
    )
    tasks: dict[str, TaskID] = {}

    def show(name: str, total: int, **counts: int) -> None:
        if name not in tasks:
            tasks[name] = progress.add_task(name, counts="")
        text = "  ".join(f"{label} {count}" for label, count in counts.items())
        progress.update(tasks[name], total=total, completed=sum(counts.values()), counts=text)

    with progress:
        yield show
