"""`python -m chaos`: prints a report as JSON; exit code 1 when anything was lost or doubled."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from chaos.sale import Story, play
from ticketing import logs


def main() -> int:
    """Play one story."""
    parser = argparse.ArgumentParser(prog="chaos", description="kill everything during a sale")
    parser.add_argument("--seconds", type=float, default=300, help="how long the sale goes on")
    parser.add_argument("--seed", type=int, default=1, help="who dies, buys and errs, and when")
    parser.add_argument("--noise", type=float, default=0.25, help="share of what goes wrong")
    parser.add_argument("--keep", type=Path, help="a folder for database, logs and documents")
    given = parser.parse_args()
    story = Story(given.seconds, given.seed, given.noise)
    with tempfile.TemporaryDirectory() as name:
        folder = given.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        logs.configure("INFO", folder / "logs" / "chaos.jsonl")
        report = play(story, folder)
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 1 if report["offences"] else 0


if __name__ == "__main__":
    sys.exit(main())
