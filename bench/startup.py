"""Benchmark of start-up, beside a bare Python in the same run: `python bench/startup.py [ROUNDS]`."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

COMMANDS = {
    "bare python": ["-c", "pass"],
    "import typer (reference)": ["-c", "import typer"],
    "frieze --help": ["-m", "curator", "--help"],
    "frieze recipe list": ["-m", "curator", "recipe", "list"],
    "import numpy (reference)": ["-c", "import numpy"],
    "import textual.app (reference)": ["-c", "import textual.app"],
    "import the app": ["-c", "import curator.tui.app"],
}


def milliseconds(arguments: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - begin) * 1000


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, arguments in COMMANDS.items():
            times[name].append(milliseconds(arguments))
    bare = statistics.median(times["bare python"])
    for name, seen in times.items():
        median = statistics.median(seen)
        print(f"{name:<32} {median:7.0f} ms (best {min(seen):.0f})  {median / bare:5.1f} x bare python")


if __name__ == "__main__":
    main()
