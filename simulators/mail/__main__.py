"""`python -m simulators.mail`: run the simulator until Ctrl-C."""

import signal
import sys
from argparse import ArgumentParser, Namespace

from simulators.mail.server import MailSimulator


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="simulators.mail", description="Mail, kept and never delivered")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8025, help="for mail; 0 is any free one")
    parser.add_argument("--page-port", type=int, default=8026, help="to watch; 0 is any free one")
    return parser.parse_args()


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    given = _arguments()
    with MailSimulator(host=given.host, port=given.port, page_port=given.page_port) as mails:
        said = f"Mail, rehearsed: smtp://{mails.host}:{mails.port}, watch {mails.url}\n"
        sys.stdout.write(said)
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    # before any thread starts, so that none of them takes the signal
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main()
