"""`ticketing up`: everything a person needs in one terminal, and nothing left after Ctrl-C."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.cli.console import actor, now, open_application, screen
from ticketing.domain.errors import Unavailable

if TYPE_CHECKING:
    from ticketing.application import Application
    from ticketing.settings import Settings
    from ticketing.store.embedded.server import EmbeddedServer

REHEARSAL_PORT, WHATSAPP_PORT, ROUTER_PORT = 8788, 8789, 8790


def up(
    *,
    port: Annotated[int, typer.Option(help="Dagster's page; the next free one if taken.")] = 3000,
    host: Annotated[
        str, typer.Option(help="Dagster's page has no login: leave it on this machine.")
    ] = "127.0.0.1",
) -> None:
    """Start PostgreSQL, Dagster, the web service, the worker.

    In a rehearsal, a simulated payment gateway, WhatsApp and hotspot router too. Ctrl-C stops all.
    """
    import sys

    from ticketing.settings import CHECKOUT
    from ticketing.store.dagster_home import prepare_dagster_home
    from ticketing.supervisor import Service, free_port, supervise

    with open_application() as application:
        environment = prepare_dagster_home(application)
        page, web = free_port(port), free_port(application.settings.web_port)
        gateway, chats = free_port(REHEARSAL_PORT), free_port(WHATSAPP_PORT)
        router = free_port(ROUTER_PORT)
        environment["WEB_PORT"] = str(web)  # links in a rehearsal's messages lead there
        # it warns of `dg dev`, which wants a project layout of its own and takes no workspace
        dagster = [sys.executable, "-W", "ignore", "-m", "dagster", "dev"]
        dagster += ["-w", str(CHECKOUT / "workspace.yaml"), "-h", host, "-p", str(page)]
        serve = [sys.executable, "-m", "ticketing", "serve", "--quiet"]
        serve += ["--host", host, "--port", str(web)]
        logs = application.settings.data_path.resolve() / "logs"
        screen().print(
            f"\n  Dagster   http://{host}:{page}, after some ten seconds\n"
            f"  web       http://{host}:{web}/docs, keys by `ticketing api-keys add`\n"
            f"  shop      http://{host}:{web}/events/<event>, once `ticketing sale open` sells it\n"
            f"  rosters   {application.settings.inbox}/<event>/*.csv are imported "
            "when dropped there\n"
            f"  tickets   {application.settings.documents}\n"
            f"  mails     {_mails(application.settings)}\n"
            f"  WhatsApp  {_chats(application.settings, chats)}\n"
            f"  vouchers  {_router(application.settings.midtrans_environment, router)}\n"
            f"  logs      {logs}\n"
            f"  stop      Ctrl-C\n"
            f"{_payments(application.settings.midtrans_environment, gateway)}"
        )
        work = [sys.executable, "-m", "ticketing", "work"]
        services = [
            Service(dagster, logs / "dagster.log"),
            Service(serve, logs / "web.log"),
            Service(work, logs / "worker.log"),
        ]
        if application.settings.midtrans_environment == "rehearsal":
            environment["MIDTRANS_REHEARSAL_URL"] = f"http://127.0.0.1:{gateway}"
            simulate = [sys.executable, "-m", "simulators.midtrans", "--port", str(gateway)]
            simulate += ["--notify", f"http://127.0.0.1:{web}/api/payment/notification"]
            services.append(Service(simulate, logs / "midtrans.log"))
            services.append(Service(_simulated_router(application, router), logs / "routeros.log"))
        if application.settings.whatsapp == "rehearsal":
            environment["WHATSAPP_REHEARSAL_URL"] = f"http://127.0.0.1:{chats}"
            simulate = [sys.executable, "-m", "simulators.whatsapp", "--port", str(chats)]
            simulate += ["--cloud-webhook", f"http://127.0.0.1:{web}/webhooks/whatsapp/cloud"]
            services.append(Service(simulate, logs / "whatsapp.log"))
        code = supervise(
            services,
            environment,
            cwd=CHECKOUT,
            tend=lambda: _tend(application.server),
            tell=lambda line: screen().print(f"  {line}"),
        )
    sys.exit(code)


def _simulated_router(application: "Application", port: int) -> list[str]:
    """Its command, the router being known from here on; it forgets its vouchers when it stops."""
    import sys

    from ticketing.actions.rehearse_hotspot import ACCOUNT, PROFILES, rehearse_router
    from ticketing.signing.keys import KeyRing

    rehearse_router(application.database, application.get(KeyRing), port=port, by=actor())
    user, password = ACCOUNT
    command = [sys.executable, "-m", "simulators.routeros", "--port", str(port)]
    command += ["--user", user, "--password", password]
    return command + [word for profile in PROFILES for word in ("--profile", profile)]


def _tend(server: "EmbeddedServer | None") -> None:
    """Our own PostgreSQL is kept running too; one that cannot be started is tried again."""
    try:
        if server is not None and server.keep_running():
            screen().print("  PostgreSQL had ended; started again")
    except Unavailable as error:
        screen().print(f"  {error}")


def _mails(settings: "Settings") -> str:
    """Where messages to people go."""
    if settings.mail_url:
        return "go through the server of MAIL_URL"
    if settings.midtrans_environment == "rehearsal":
        return f"{settings.mails}, nobody gets them: a rehearsal"
    return "wait: MAIL_URL is not set"


def _chats(settings: "Settings", port: int) -> str:
    """Where WhatsApp messages go."""
    if settings.whatsapp == "rehearsal":
        return f"http://127.0.0.1:{port}/_simulator, nobody gets them: a rehearsal"
    if settings.whatsapp == "none":
        return "none: WHATSAPP_PROVIDER is not set"
    return f"goes through {settings.whatsapp}"


def _router(environment: str, port: int) -> str:
    """Where vouchers of a rehearsal are put."""
    if environment == "rehearsal":
        return (
            f"on 127.0.0.1:{port}, nobody gets on the net by them: a rehearsal;"
            " `ticketing rehearse-hotspot` sells some"
        )
    return "on the routers of `ticketing router list`"


def _payments(environment: str, gateway: int) -> str:
    """What becomes of money: never to be found out later."""
    if environment == "rehearsal":
        return (
            "\n  [bold black on yellow] REHEARSAL [/] no money moves: Midtrans is simulated on"
            f" http://127.0.0.1:{gateway}/_simulator\n"
        )
    if environment == "sandbox":
        return "\n  payments  Midtrans' sandbox: no money moves\n"
    return "\n  payments  Midtrans: real money\n"


def rehearse_hotspot() -> None:
    """Sell packages of a simulated hotspot, to practise; only in a rehearsal.

    `ticketing up` has the router. The same again changes nothing.
    """
    from ticketing.actions.rehearse_hotspot import PACKAGES
    from ticketing.actions.rehearse_hotspot import rehearse_hotspot as rehearse
    from ticketing.domain.errors import Misconfigured

    with open_application() as application:
        if application.settings.midtrans_environment != "rehearsal":
            raise Misconfigured("MIDTRANS_ENVIRONMENT moves money: there is no rehearsal here")
        event = rehearse(application.database, at=now(), by=actor())
    screen().print(
        f"{event.slug}: packages {', '.join(PACKAGES)} are on sale, a rehearsal:"
        f" POST /voucher/purchase, or /events/{event.slug}; `ticketing package close` ends each"
    )


COMMANDS = (up, rehearse_hotspot)
