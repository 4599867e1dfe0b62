"""`python -m simulators.midtrans`: run the simulator until Ctrl-C."""

import signal
import sys
from argparse import ArgumentParser, Namespace

from simulators.midtrans.server import SERVER_KEY, MidtransSimulator


def _arguments() -> Namespace:
    parser = ArgumentParser(
        prog="simulators.midtrans", description="simulated Midtrans; no money moves"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8788, help="0 selects a free port")
    parser.add_argument("--notify", default="", metavar="URL", help="notification URL")
    parser.add_argument("--server-key", default=SERVER_KEY, help="server key of clients")
    parser.add_argument("--speed", type=float, default=60, help="acceleration of delays and expiry")
    parser.add_argument("--seed", type=int, help="seed of identifiers and random faults")
    return parser.parse_args()


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    given = _arguments()
    with MidtransSimulator(
        given.notify,
        server_key=given.server_key,
        host=given.host,
        port=given.port,
        speed=given.speed,
        seed=given.seed,
    ) as midtrans:
        sys.stdout.write(
            f"Midtrans simulator: {midtrans.url}, overview {midtrans.url}/_simulator\n"
        )
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    # before any thread starts, so that none of them takes the signal
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main()
