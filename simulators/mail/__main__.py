"""`python -m simulators.mail`: run the simulator until Ctrl-C."""

import signal
import sys
from argparse import ArgumentParser, Namespace

from simulators.mail.server import MailSimulator


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="simulators.mail", description="mail server that delivers nothing")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8025, help="SMTP port; 0 selects a free port")
    parser.add_argument(
        "--page-port", type=int, default=8026, help="overview port; 0 selects a free port"
    )
    return parser.parse_args()


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    given = _arguments()
    with MailSimulator(host=given.host, port=given.port, page_port=given.page_port) as mails:
        text = f"Mail simulator: smtp://{mails.host}:{mails.port}, overview {mails.url}\n"
        sys.stdout.write(text)
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    # before any thread starts, so that none of them takes the signal
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main()
