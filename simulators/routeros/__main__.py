"""`python -m simulators.routeros`: run the simulator until Ctrl-C."""

import signal
import ssl
import sys
from argparse import ArgumentParser, Namespace

from simulators.routeros.accounts import ApiAccount
from simulators.routeros.server import ACCOUNT, RouterOsSimulator


def _arguments() -> Namespace:
    parser = ArgumentParser(
        prog="simulators.routeros", description="simulated MikroTik hotspot router"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8728, help="0 selects a free port")
    parser.add_argument("--tls-port", type=int, default=8729, help="used with --certificate")
    parser.add_argument("--certificate", metavar="FILE", help="PEM file of certificate and key")
    parser.add_argument("--version", default="7.18.2", help="determines login, !empty and dates")
    parser.add_argument("--user", default=ACCOUNT.name)
    parser.add_argument("--password", default=ACCOUNT.password)
    parser.add_argument(
        "--profile", action="append", default=[], help="user profile to create; repeatable"
    )
    parser.add_argument("--command-ms", type=float, default=0, help="processing time per command")
    parser.add_argument("--distance-ms", type=float, default=0, help="network round trip")
    return parser.parse_args()


def _tls(certificate: str | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    given = _arguments()
    simulator = RouterOsSimulator(
        given.version,
        accounts=(ApiAccount(given.user, given.password),),
        host=given.host,
        port=given.port,
        tls_port=given.tls_port,
        tls=_tls(given.certificate),
    )
    simulator.faults.command_seconds = given.command_ms / 1000
    simulator.faults.distance_seconds = given.distance_ms / 1000
    with simulator as router:
        for profile in given.profile:
            router.add_profile(profile)
        tls = f", TLS {router.tls_port}" if given.certificate else ""
        sys.stdout.write(f"RouterOS {given.version} simulator: {router.host}:{router.port}{tls}\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    # before any thread starts, so that none of them takes the signal
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main()
