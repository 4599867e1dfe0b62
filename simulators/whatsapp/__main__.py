"""`python -m simulators.whatsapp`: run the simulator until Ctrl-C."""

import signal
import sys
from argparse import ArgumentParser, Namespace

from simulators.whatsapp.limits import SendingLimits
from simulators.whatsapp.server import WhatsAppSimulator


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="simulators.whatsapp", description="simulated WhatsApp gateways")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8789, help="0 selects a free port")
    for gateway in ("cloud", "waha", "fonnte"):
        text = f"URL for delivery reports of {gateway}"
        parser.add_argument(f"--{gateway}-webhook", default="", metavar="URL", help=text)
    parser.add_argument(
        "--step", type=float, default=1, metavar="SECONDS", help="delay between delivery states"
    )
    parser.add_argument("--speed", type=float, default=60, help="acceleration of report retries")
    usual = SendingLimits()
    parser.add_argument(
        "--a-second",
        type=int,
        default=usual.a_second,
        metavar="MESSAGES",
        help="limit per second; 0 is unlimited",
    )
    parser.add_argument(
        "--a-day",
        type=int,
        default=usual.people_a_day,
        metavar="PEOPLE",
        help="recipients per day; 0 is unlimited",
    )
    return parser.parse_args()


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    given = _arguments()
    with WhatsAppSimulator(
        cloud_webhook=given.cloud_webhook,
        waha_webhook=given.waha_webhook,
        fonnte_webhook=given.fonnte_webhook,
        allowed=SendingLimits(a_second=given.a_second, people_a_day=given.a_day),
        host=given.host,
        port=given.port,
        speed=given.speed,
        step_seconds=given.step,
    ) as whatsapp:
        text = f"WhatsApp simulator: {whatsapp.url}, overview {whatsapp.url}/_simulator\n"
        sys.stdout.write(text)
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    # before any thread starts, so that none of them takes the signal
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main()
