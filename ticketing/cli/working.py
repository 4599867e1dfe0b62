"""`ticketing work`: paid orders become tickets and vouchers at once."""

from typing import Annotated

import typer

from ticketing.cli.console import actor, now, open_application


def work(
    *,
    once: Annotated[bool, typer.Option("--once", help="What waits now, then end.")] = False,
) -> None:
    """Turn payments into tickets and vouchers as they come.

    Ctrl-C stops it; without it Dagster does the same, some seconds later.
    """
    import signal
    from types import FrameType

    from ticketing.actions.deliver import MessagingConnector, deliver_all
    from ticketing.actions.generate import Means
    from ticketing.actions.provision import provision
    from ticketing.actions.provisioning import Provisioner
    from ticketing.actions.router_doors import RouterConnector
    from ticketing.actions.send_hooks import send_all_hooks
    from ticketing.actions.serve_on import Rounds
    from ticketing.documents.folder import DocumentFolder
    from ticketing.documents.renderer import Renderer
    from ticketing.gateways.hooks import HookClient
    from ticketing.gateways.midtrans import Midtrans
    from ticketing.signing.keys import KeyRing
    from ticketing.worker import BY, Worker, tell, tell_provisioned

    with (
        open_application() as application,
        application.get(MessagingConnector).connect() as mailroom,
        application.get(RouterConnector).connect() as doors,
    ):
        means = Means(
            application.database,
            application.get(KeyRing),
            application.get(Renderer),
            application.get(DocumentFolder),
        )
        if once:
            Rounds(means, application.get(Midtrans), now, actor(), tell).serve_all()
            for done in provision(Provisioner(application.database, doors, now, actor())):
                tell_provisioned(done)
            send_all_hooks(
                application.database,
                application.get(HookClient),
                application.get(KeyRing),
                clock=now,
                by=actor(),
            )
            deliver_all(application.database, mailroom, clock=now)
            return
        at_routers = Provisioner(application.database, doors, now, BY)
        worker = Worker(
            means, application.get(Midtrans), now, application.get(HookClient), mailroom, at_routers
        )

        def stop(_signal: int, _frame: FrameType | None) -> None:
            worker.stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        worker.run()


COMMANDS = (work,)
