"""`python -m chaos`: print a JSON report; exit code 1 if anything was lost or duplicated."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from chaos.disruptions import DISRUPTIONS, is_possible
from chaos.sale import ChaosScenario, run_scenario
from ticketing.platform.kernel import json_logging


def main() -> int:
    """Run one scenario and print its report."""
    parser = argparse.ArgumentParser(
        prog="chaos", description="chaos test of a sale: kills processes and injects faults"
    )
    parser.add_argument("--seconds", type=float, default=300, help="duration of the sale")
    parser.add_argument("--seed", type=int, default=1, help="seed of all random choices")
    parser.add_argument("--noise", type=float, default=0.25, help="rate of faulty notifications")
    parser.add_argument("--vouchers", type=float, default=0.5, help="share of voucher buyers")
    parser.add_argument("--purchases", type=int, default=0, help="minimum paid voucher purchases")
    parser.add_argument("--apart", type=float, default=3.5, help="mean seconds between kills")
    parser.add_argument("--lines", type=int, default=8, help="concurrent buyers")
    parser.add_argument(
        "--calm", type=float, default=60, help="maximum seconds of recovery before scheduled work"
    )
    parser.add_argument(
        "--keep", type=Path, help="keep database, logs and documents in this folder"
    )
    parser.add_argument(
        "--disrupt", action="append", default=[], choices=[*DISRUPTIONS, "all"], metavar="NAME",
        help="instead of kills; repeatable: all, " + ", ".join(DISRUPTIONS),
    )  # fmt: skip
    given = parser.parse_args()
    wanted = list(DISRUPTIONS) if "all" in given.disrupt else given.disrupt
    possible = [name for name in wanted if is_possible(name)]
    for name in wanted:
        if name not in possible:
            sys.stderr.write(f"{name} is skipped: it needs root, to mount a file system\n")
    if wanted and not possible:
        return 0
    scenario = ChaosScenario(
        given.seconds, given.seed, noise=given.noise, voucher_share=given.vouchers,
        min_purchases=given.purchases, calm_seconds=given.calm, seconds_between_kills=given.apart,
        buyer_threads=given.lines, disruptions=tuple(possible),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = given.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        json_logging.configure("INFO", folder / "logs" / "chaos.jsonl")
        report = run_scenario(scenario, folder)
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 1 if report["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
