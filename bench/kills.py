"""Trainings killed at random places, alone and by two processes: each must end as one never killed, bit for bit.

    nice python -m bench.kills --rounds 5

The tests of `tests/train/processes/test_random_kills.py`, with more rounds than the suite takes: tiny models of three
families, adapters of several kinds, whole models and words; weights, averages, losses and what each step was given.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = "tests/train/processes/test_random_kills.py"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of up to 22 kills each")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="frieze-bench-") as folder:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--basetemp",
            f"{folder}/t",
        ]
        kept = ["-o", "tmp_path_retention_policy=all", "-k", "killed_at_random_places", TESTS]
        environment = {**os.environ, "FRIEZE_KILL_ROUNDS": str(rounds), "OMP_NUM_THREADS": "1"}
        began = time.monotonic()
        code = subprocess.run([*command, *kept], cwd=ROOT, env=environment, check=False).returncode
        took = time.monotonic() - began
        places = Counter(
            line for file in Path(folder).rglob("*.places") for line in file.read_text("utf-8").splitlines()
        )
    print(f"{places.total()} processes killed in {took:.0f} s; all equal: {code == 0}")
    for place, count in places.most_common():
        print(f"  {count:4} {place}")
    return code


if __name__ == "__main__":
    sys.exit(main())
