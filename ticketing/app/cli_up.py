"""`ticketing up`: everything a person needs in one terminal, and nothing left after Ctrl-C."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import actor, open_application
from ticketing.platform.cli.output import stdout_console
from ticketing.platform.kernel.errors import Unavailable

if TYPE_CHECKING:
    from ticketing.platform.application import Application
    from ticketing.platform.db.embedded.server import EmbeddedServer
    from ticketing.platform.settings import Settings

MIDTRANS_SIMULATOR_PORT, WHATSAPP_SIMULATOR_PORT, ROUTER_SIMULATOR_PORT = 8788, 8789, 8790


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

    from ticketing.app.dagster_home import prepare_dagster_home
    from ticketing.platform.kernel.process_supervisor import ProcessSpec, free_port, supervise
    from ticketing.platform.settings import PROJECT_ROOT

    with open_application() as application:
        environment = prepare_dagster_home(application)
        page, web = free_port(port), free_port(application.settings.web_port)
        gateway, chats = free_port(MIDTRANS_SIMULATOR_PORT), free_port(WHATSAPP_SIMULATOR_PORT)
        router = free_port(ROUTER_SIMULATOR_PORT)
        environment["WEB_PORT"] = str(web)  # links in a rehearsal's messages lead there
        # it warns of `dg dev`, which wants a project layout of its own and takes no workspace
        dagster = [sys.executable, "-W", "ignore", "-m", "dagster", "dev"]
        dagster += ["-w", str(PROJECT_ROOT / "workspace.yaml"), "-h", host, "-p", str(page)]
        serve = [sys.executable, "-m", "ticketing", "serve", "--quiet"]
        serve += ["--host", host, "--port", str(web)]
        logs = application.settings.data_path.resolve() / "logs"
        stdout_console().print(
            f"\n  Dagster   http://{host}:{page}, after some ten seconds\n"
            f"  web       http://{host}:{web}/docs, keys by `ticketing api-keys add`\n"
            f"  shop      http://{host}:{web}/events/<event>, once `ticketing sale open` sells it\n"
            f"  rosters   {application.settings.inbox}/<event>/*.csv are imported "
            "when dropped there\n"
            f"  tickets   {application.settings.documents}\n"
            f"  mails     {_describe_mail(application.settings)}\n"
            f"  WhatsApp  {_describe_whatsapp(application.settings, chats)}\n"
            f"  vouchers  {_describe_router(application.settings.midtrans_environment, router)}\n"
            f"  logs      {logs}\n"
            f"  stop      Ctrl-C\n"
            f"{_describe_payments(application.settings.midtrans_environment, gateway)}"
        )
        work = [sys.executable, "-m", "ticketing", "work"]
        services = [
            ProcessSpec(dagster, logs / "dagster.log"),
            ProcessSpec(serve, logs / "web.log"),
            ProcessSpec(work, logs / "worker.log"),
        ]
        if application.settings.midtrans_environment == "rehearsal":
            environment["MIDTRANS_REHEARSAL_URL"] = f"http://127.0.0.1:{gateway}"
            simulate = [sys.executable, "-m", "simulators.midtrans", "--port", str(gateway)]
            simulate += ["--notify", f"http://127.0.0.1:{web}/api/payment/notification"]
            services.append(ProcessSpec(simulate, logs / "midtrans.log"))
            services.append(
                ProcessSpec(_router_simulator_command(application, router), logs / "routeros.log")
            )
        if application.settings.active_whatsapp_provider == "rehearsal":
            environment["WHATSAPP_REHEARSAL_URL"] = f"http://127.0.0.1:{chats}"
            simulate = [sys.executable, "-m", "simulators.whatsapp", "--port", str(chats)]
            simulate += ["--cloud-webhook", f"http://127.0.0.1:{web}/webhooks/whatsapp/cloud"]
            services.append(ProcessSpec(simulate, logs / "whatsapp.log"))
        code = supervise(
            services,
            environment,
            cwd=PROJECT_ROOT,
            on_tick=lambda: _restart_database_if_stopped(application.server),
            on_message=lambda line: stdout_console().print(f"  {line}"),
        )
    sys.exit(code)


def _router_simulator_command(application: "Application", port: int) -> list[str]:
    """Its command, the router being known from here on; it forgets its vouchers when it stops."""
    import sys

    from ticketing.crypto.keyring import KeyRing
    from ticketing.vouchers.demo_data import DEMO_ACCOUNT, DEMO_PROFILES, seed_demo_router

    seed_demo_router(application.database, application.get(KeyRing), port=port, by=actor())
    user, password = DEMO_ACCOUNT
    command = [sys.executable, "-m", "simulators.routeros", "--port", str(port)]
    command += ["--user", user, "--password", password]
    return command + [word for profile in DEMO_PROFILES for word in ("--profile", profile)]


def _restart_database_if_stopped(server: "EmbeddedServer | None") -> None:
    """Our own PostgreSQL is kept running too; one that cannot be started is tried again."""
    try:
        if server is not None and server.restart_if_stopped():
            stdout_console().print("  PostgreSQL had ended; started again")
    except Unavailable as error:
        stdout_console().print(f"  {error}")


def _describe_mail(settings: "Settings") -> str:
    """Where messages to people go."""
    if settings.mail_url:
        return "go through the server of MAIL_URL"
    if settings.midtrans_environment == "rehearsal":
        return f"{settings.mail_folder}, nobody gets them: a rehearsal"
    return "wait: MAIL_URL is not set"


def _describe_whatsapp(settings: "Settings", port: int) -> str:
    """Where WhatsApp messages go."""
    if settings.active_whatsapp_provider == "rehearsal":
        return f"http://127.0.0.1:{port}/_simulator, nobody gets them: a rehearsal"
    if settings.active_whatsapp_provider == "none":
        return "none: WHATSAPP_PROVIDER is not set"
    return f"goes through {settings.active_whatsapp_provider}"


def _describe_router(environment: str, port: int) -> str:
    """Where vouchers of a rehearsal are put."""
    if environment == "rehearsal":
        return (
            f"on 127.0.0.1:{port}, nobody gets on the net by them: a rehearsal;"
            " `ticketing rehearse-hotspot` sells some"
        )
    return "on the routers of `ticketing router list`"


def _describe_payments(environment: str, gateway: int) -> str:
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
    from ticketing.platform.kernel.errors import Misconfigured
    from ticketing.vouchers.demo_data import DEMO_PACKAGES
    from ticketing.vouchers.demo_data import seed_demo_hotspot as rehearse

    with open_application() as application:
        if application.settings.midtrans_environment != "rehearsal":
            raise Misconfigured("MIDTRANS_ENVIRONMENT moves money: there is no rehearsal here")
        event = rehearse(application.database, at=now(), by=actor())
    stdout_console().print(
        f"{event.slug}: packages {', '.join(DEMO_PACKAGES)} are on sale, a rehearsal:"
        f" POST /voucher/purchase, or /events/{event.slug}; `ticketing package close` ends each"
    )


COMMANDS = (up, rehearse_hotspot)
