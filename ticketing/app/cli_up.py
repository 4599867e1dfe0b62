"""`ticketing up`: all processes in one terminal; Ctrl-C stops all of them."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import actor, open_application
from ticketing.platform.cli.output import stdout_console
from ticketing.platform.kernel.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from ticketing.platform.application import Application
    from ticketing.platform.db.embedded.server import EmbeddedServer
    from ticketing.platform.kernel.process_supervisor import FreePorts
    from ticketing.platform.settings import Settings

MIDTRANS_SIMULATOR_PORT, WHATSAPP_SIMULATOR_PORT, ROUTER_SIMULATOR_PORT = 8788, 8789, 8790
BILLING_SIMULATOR_PORT = 8791


def up(
    *,
    port: Annotated[int, typer.Option(help="Port of Dagster; the next free one if taken.")] = 3000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; put a proxy with TLS before it.")
    ] = "127.0.0.1",
) -> None:
    """Start everything: database, Dagster, web, worker.

    With MIDTRANS_ENVIRONMENT=simulator also a simulated payment gateway, WhatsApp, hotspot router
    and billing API. The first start of such a rehearsal creates a user and prints the password.
    Ctrl-C stops all processes.
    """
    import sys
    from pathlib import Path

    from ticketing.app.dagster_home import prepare_dagster_home
    from ticketing.app.dagster_processes import dagster_processes
    from ticketing.app.first_user import describe_sign_in
    from ticketing.app.running_installation import announced_simulators, exclusive_start
    from ticketing.platform.kernel.process_supervisor import FreePorts, ProcessSpec, supervise
    from ticketing.platform.paths import base_folder

    with (
        open_application() as application,
        exclusive_start(application.settings.data_path),
    ):
        environment = prepare_dagster_home(application)
        ports = FreePorts()
        page, web = ports.take(port), _choose_web_port(application.settings, ports)
        gateway, chats = ports.take(MIDTRANS_SIMULATOR_PORT), ports.take(WHATSAPP_SIMULATOR_PORT)
        router = ports.take(ROUTER_SIMULATOR_PORT)
        addresses: dict[str, str] = {}
        environment["WEB_PORT"] = str(web)  # links in simulated messages use it
        serve = [sys.executable, "-m", "ticketing", "serve", "--quiet"]
        serve += ["--host", host, "--port", str(web)]
        logs = application.settings.data_path.resolve() / "logs"
        stdout_console().print(
            f"\n  Dagster   http://{host}:{page}, ready in about 10 seconds\n"
            f"  web       http://{host}:{web}/console\n"
            f"  sign in   {describe_sign_in(application, by=actor())}\n"
            "  API keys  ticketing api-keys create NAME --role operator\n"
            f"  shop      http://{host}:{web}/events/EVENT, after ticketing ticket-types create\n"
            f"  rosters   {application.settings.inbox}/EVENT/*.csv are imported\n"
            f"  tickets   {application.settings.documents}\n"
            f"  mails     {_describe_mail(application.settings)}\n"
            f"  WhatsApp  {_describe_whatsapp(application.settings, chats)}\n"
            f"  vouchers  {_describe_router(application.settings.midtrans_environment, router)}\n"
            f"  students  {_describe_students(application.settings, f'http://{host}:{web}')}\n"
            f"  logs      {logs}\n"
            f"  stop      Ctrl-C\n"
            f"{_describe_payments(application.settings.midtrans_environment, gateway)}"
        )
        home = Path(environment["DAGSTER_HOME"])
        services = [
            *dagster_processes(home, logs, ports, host=host, port=page),
            ProcessSpec(serve, logs / "web.log"),
            ProcessSpec([sys.executable, "-m", "ticketing", "worker"], logs / "worker.log"),
        ]
        if application.settings.midtrans_environment == "simulator":
            addresses["midtrans_simulator_url"] = f"http://127.0.0.1:{gateway}"
            # in a container a browser reaches it from outside, as it does the web service
            simulate = [sys.executable, "-m", "simulators.midtrans", "--port", str(gateway)]
            simulate += ["--host", host]
            simulate += ["--notify", f"http://127.0.0.1:{web}/api/payment/notification"]
            services.append(ProcessSpec(simulate, logs / "midtrans.log"))
            services.append(
                ProcessSpec(_router_simulator_command(application, router), logs / "routeros.log")
            )
            if not application.settings.billing_url:
                billing = ports.take(BILLING_SIMULATOR_PORT)
                addresses["billing_simulator_url"] = f"http://127.0.0.1:{billing}"
                simulate = [sys.executable, "-m", "simulators.billing", "--port", str(billing)]
                services.append(ProcessSpec(simulate, logs / "billing.log"))
        if application.settings.active_whatsapp_provider == "simulator":
            addresses["whatsapp_simulator_url"] = f"http://127.0.0.1:{chats}"
            simulate = [sys.executable, "-m", "simulators.whatsapp", "--port", str(chats)]
            simulate += ["--host", host]
            simulate += ["--cloud-webhook", f"http://127.0.0.1:{web}/webhooks/whatsapp/cloud"]
            services.append(ProcessSpec(simulate, logs / "whatsapp.log"))
        environment |= {name.upper(): url for name, url in addresses.items()}
        with announced_simulators(application.settings.data_path, addresses):
            code = supervise(
                services,
                environment,
                cwd=base_folder(),
                on_tick=lambda: _maintain(application.server, logs),
                on_message=lambda line: stdout_console().print(f"  {line}", markup=False),
            )
    sys.exit(code)


def _choose_web_port(settings: "Settings", ports: "FreePorts") -> int:
    """Return the port of the web service; in a rehearsal the default may be replaced."""
    from ticketing.platform.kernel.process_supervisor import is_port_free

    port = settings.web_port
    is_chosen = "web_port" in settings.model_fields_set
    if (is_chosen or settings.midtrans_environment != "simulator") and not is_port_free(port):
        raise Misconfigured(
            f"port {port} of WEB_PORT is in use; stop what listens on it, or set"
            " WEB_PORT to another port"
        )
    return ports.take(port)


def _router_simulator_command(application: "Application", port: int) -> list[str]:
    """Store the simulated router and return the command that starts it.

    It forgets its vouchers when it stops.
    """
    import sys

    from ticketing.crypto.keyring import KeyRing
    from ticketing.vouchers.demo_data import DEMO_ACCOUNT, DEMO_PROFILES, seed_demo_router

    seed_demo_router(application.database, application.get(KeyRing), port=port, by=actor())
    user, password = DEMO_ACCOUNT
    command = [sys.executable, "-m", "simulators.routeros", "--port", str(port)]
    command += ["--user", user, "--password", password]
    return command + [word for profile in DEMO_PROFILES for word in ("--profile", profile)]


def _maintain(server: "EmbeddedServer | None", logs: "Path") -> None:
    """Keep the database running and the logs small."""
    from ticketing.platform.kernel.log_rotation import rotate_logs

    _restart_database_if_stopped(server)
    try:
        rotate_logs(logs)
    except OSError as error:  # a full disk; tried again at the next tick
        stdout_console().print(f"  logs were not rotated: {error}", markup=False)


def _restart_database_if_stopped(server: "EmbeddedServer | None") -> None:
    """Restart the embedded PostgreSQL if it stopped; a failed start is retried at the next tick."""
    try:
        if server is not None and server.restart_if_stopped():
            stdout_console().print("  PostgreSQL stopped; started again")
    except Unavailable as error:
        stdout_console().print(f"  {error}")


def _describe_mail(settings: "Settings") -> str:
    """Return where mails go."""
    if settings.mail_url:
        return "sent through the server of MAIL_URL"
    if settings.midtrans_environment == "simulator":
        return f"{settings.mail_folder} (simulated; nothing is sent)"
    return "queued: MAIL_URL is not set"


def _describe_whatsapp(settings: "Settings", port: int) -> str:
    """Return where WhatsApp messages go."""
    if settings.active_whatsapp_provider == "simulator":
        return f"http://127.0.0.1:{port}/_simulator (nothing is sent)"
    if settings.active_whatsapp_provider == "none":
        return "off: WHATSAPP_PROVIDER is not set"
    return f"sent through {settings.active_whatsapp_provider}"


def _describe_router(environment: str, port: int) -> str:
    """Return the router of vouchers."""
    if environment == "simulator":
        return (
            f"simulated router 127.0.0.1:{port}, no internet access;"
            " to sell some: ticketing demo hotspot"
        )
    return "on the routers of ticketing routers list"


def _describe_students(settings: "Settings", web: str) -> str:
    """Return where payment records are synced."""
    if settings.billing_url or settings.billing_database_url:
        return f"{web}/admin/sync-pembayaran"
    if settings.midtrans_environment == "simulator":
        return f"{web}/admin/sync-pembayaran, simulated; guests of them: ticketing demo students"
    return "no billing system: BILLING_URL is not set"


def _describe_payments(environment: str, gateway: int) -> str:
    """Return whether money moves."""
    if environment == "simulator":
        return (
            "\n  [bold black on yellow] SIMULATION [/] no money moves; Midtrans is simulated:\n"
            f"  http://127.0.0.1:{gateway}/_simulator\n"
        )
    if environment == "sandbox":
        return "\n  payments  Midtrans' sandbox: no money moves\n"
    return "\n  payments  Midtrans: real money\n"
