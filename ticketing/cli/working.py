"""`ticketing work`: paid orders become tickets at once."""

from typing import Annotated

import typer

from ticketing.cli.console import actor, now, office


def work(
    *,
    once: Annotated[bool, typer.Option("--once", help="What waits now, then end.")] = False,
) -> None:
    """Turn payments into tickets as they come.

    Ctrl-C stops it; without it Dagster does the same, some seconds later.
    """
    import signal
    from types import FrameType

    from ticketing.actions.deliver import deliver_all
    from ticketing.actions.generate import Means
    from ticketing.actions.send_hooks import send_all_hooks
    from ticketing.actions.serve_on import Rounds
    from ticketing.worker import Worker, tell

    with office() as opened, opened.mailroom() as mailroom:
        means = Means(opened.database, opened.keys, opened.renderer, opened.folder)
        if once:
            Rounds(means, opened.midtrans, now, actor(), tell).serve_all()
            send_all_hooks(opened.database, opened.hooks, opened.keys, clock=now, by=actor())
            deliver_all(opened.database, mailroom, clock=now)
            return
        worker = Worker(means, opened.midtrans, now, opened.hooks, mailroom)

        def stop(_signal: int, _frame: FrameType | None) -> None:
            worker.stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        worker.run()


COMMANDS = (work,)
