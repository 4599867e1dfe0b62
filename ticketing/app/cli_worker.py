"""`ticketing work`: paid orders become tickets and vouchers at once."""

from typing import Annotated

import typer

from ticketing.platform.cli.console import actor, now, open_application


def work(
    *,
    once: Annotated[bool, typer.Option("--once", help="What waits now, then end.")] = False,
) -> None:
    """Turn payments into tickets and vouchers as they come.

    Ctrl-C stops it; without it Dagster does the same, some seconds later.
    """
    import signal
    from types import FrameType

    from ticketing.app.worker import BY, Worker, tell, tell_provisioned
    from ticketing.crypto.keyring import KeyRing
    from ticketing.documents.file_store import DocumentFolder
    from ticketing.documents.renderer import Renderer
    from ticketing.notifications.deliver import MessagingConnector, deliver_all
    from ticketing.selling.payments.fulfil_paid import Rounds
    from ticketing.selling.payments.midtrans.client import Midtrans
    from ticketing.tickets.generate import Means
    from ticketing.vouchers.provisioning.provision import provision
    from ticketing.vouchers.provisioning.provisioner import Provisioner
    from ticketing.vouchers.provisioning.router_admin import RouterConnector
    from ticketing.webhooks.client import HookClient
    from ticketing.webhooks.send import send_all_hooks

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
