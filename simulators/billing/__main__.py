"""`python -m simulators.billing`: run the simulator until Ctrl-C."""

import signal
import sys
from argparse import ArgumentParser, Namespace

from simulators.billing.server import BillingSimulator


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="simulators.billing", description="simulated billing API")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8791, help="0 selects a free port")
    parser.add_argument("--students", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="seed of students, bills and faults")
    parser.add_argument("--limit", type=float, default=50, help="requests per second; 0: no limit")
    parser.add_argument("--limiter", choices=("bucket", "fixed", "sliding"), default="bucket")
    parser.add_argument("--latency", type=float, default=0.02, metavar="SECONDS")
    return parser.parse_args()


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    given = _arguments()
    simulator = BillingSimulator(given.students, seed=given.seed, host=given.host, port=given.port)
    simulator.api.set_limit(given.limiter, given.limit)
    simulator.api.latency_seconds = given.latency
    with simulator:
        sys.stdout.write(f"billing simulator: {simulator.url}, counters {simulator.url}/_seen\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    # before any thread starts, so that none of them takes the signal
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main()
