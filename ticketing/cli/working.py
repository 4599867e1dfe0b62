"""`ticketing work`: paid orders become tickets and vouchers at once."""

from typing import Annotated

import typer

from ticketing.cli.console import actor, now, office


def work(
    *,
    once: Annotated[bool, typer.Option("--once", help="What waits now, then end.")] = False,
) -> None:
    """Turn payments into tickets and vouchers as they come.

    Ctrl-C stops it; without it Dagster does the same, some seconds later.
    """
    import signal
    from types import FrameType

    from ticketing.actions.deliver import deliver_all
    from ticketing.actions.generate import Means
    from ticketing.actions.provision import provision
    from ticketing.actions.provisioning import Provisioner
    from ticketing.actions.send_hooks import send_all_hooks
    from ticketing.actions.serve_on import Rounds
    from ticketing.worker import BY, Worker, tell, tell_provisioned

    with office() as opened, opened.mailroom() as mailroom, opened.router_doors() as doors:
        means = Means(opened.database, opened.keys, opened.renderer, opened.folder)
        if once:
            Rounds(means, opened.midtrans, now, actor(), tell).serve_all()
            for done in provision(Provisioner(opened.database, doors, now, actor())):
                tell_provisioned(done)
            send_all_hooks(opened.database, opened.hooks, opened.keys, clock=now, by=actor())
            deliver_all(opened.database, mailroom, clock=now)
            return
        at_routers = Provisioner(opened.database, doors, now, BY)
        worker = Worker(means, opened.midtrans, now, opened.hooks, mailroom, at_routers)

        def stop(_signal: int, _frame: FrameType | None) -> None:
            worker.stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        worker.run()


COMMANDS = (work,)
