"""`python -m chaos`: print a JSON report; exit code 1 if anything was lost or duplicated."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from chaos.sale import ChaosScenario, run_scenario
from ticketing.platform.kernel import json_logging


def main() -> int:
    """Run one scenario and print its report."""
    parser = argparse.ArgumentParser(prog="chaos", description="kill everything during a sale")
    parser.add_argument("--seconds", type=float, default=300, help="how long the sale goes on")
    parser.add_argument("--seed", type=int, default=1, help="who dies, buys and errs, and when")
    parser.add_argument("--noise", type=float, default=0.25, help="share of what goes wrong")
    parser.add_argument("--vouchers", type=float, default=0.5, help="share of those who buy some")
    parser.add_argument("--purchases", type=int, default=0, help="go on until so many are paid")
    parser.add_argument("--apart", type=float, default=3.5, help="seconds between two deaths")
    parser.add_argument("--lines", type=int, default=8, help="how many buy at a time")
    parser.add_argument("--calm", type=float, default=60, help="seconds to come to rest by itself")
    parser.add_argument("--keep", type=Path, help="a folder for database, logs and documents")
    given = parser.parse_args()
    story = ChaosScenario(
        given.seconds, given.seed, noise=given.noise, voucher_share=given.vouchers,
        min_purchases=given.purchases, calm_seconds=given.calm, seconds_between_kills=given.apart,
        buyer_threads=given.lines,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = given.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        json_logging.configure("INFO", folder / "logs" / "chaos.jsonl")
        report = run_scenario(story, folder)
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 1 if report["offences"] else 0


if __name__ == "__main__":
    sys.exit(main())
