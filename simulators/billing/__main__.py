"""`python -m simulators.billing`: run the simulator until Ctrl-C."""

import json
import signal
import sys
from argparse import ArgumentParser, Namespace
from typing import get_args

from simulators.billing.credentials import WAYS
from simulators.billing.limits import LIMITERS, Advice
from simulators.billing.server import BillingSimulator


def _arguments(parser: ArgumentParser) -> Namespace:
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8791, help="0 selects a free port")
    parser.add_argument("--students", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="seed of students, bills and faults")
    parser.add_argument("--rate", type=float, default=50, help="requests per second; 0: no limit")
    parser.add_argument("--limiter", choices=list(LIMITERS), default="bucket")
    parser.add_argument(
        "--advice",
        choices=get_args(Advice),
        default="seconds",
        help="what a refused client is told",
    )
    parser.add_argument("--latency", type=float, default=0.02, metavar="SECONDS")
    parser.add_argument("--authentication", choices=WAYS, default="none")
    parser.add_argument(
        "--faults", type=json.loads, default={}, metavar="JSON", help='such as {"500": 0.01}'
    )
    return parser.parse_args()


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = ArgumentParser(
        prog="simulators.billing", description="simulated billing API; no money moves"
    )
    given = _arguments(parser)
    simulator = BillingSimulator(
        given.students,
        seed=given.seed,
        authentication=given.authentication,
        host=given.host,
        port=given.port,
    )
    try:
        simulator.api.set_limit(given.limiter, given.rate)
        simulator.api.set(latency_seconds=given.latency, advice=given.advice, faults=given.faults)
    except ValueError as error:
        parser.error(str(error))
    with simulator:
        sys.stdout.write(
            f"billing simulator: {simulator.url}, counters {simulator.url}/_seen,"
            f" overview {simulator.url}/_simulator\n"
        )
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    # before any thread starts, so that none of them takes the signal
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main()
