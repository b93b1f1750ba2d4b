"""Benchmark of commands that scripts call: processor time of each, beside a bare Python in the same rounds.

`python bench/commands.py [ROUNDS]` makes a small collection, and runs the `frieze` of the Python it is run by.
Processor time moves less than the clock's when other jobs run beside it.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

COMMANDS = (
    "--help",
    "recipe list",
    "runs list",
    "manifest list",
    "filter list",
    "tag find cat",
    "tag list",
    "history",
    "quarantine",
    "subset list --names",
    "subset list",
    "ls",
)
REFERENCES = {
    "bare python": ["-c", "pass"],
    "import typer": ["-c", "import typer"],
    "sqlite-utils tables": ["-m", "sqlite_utils", "tables", "frieze.db"],
}


def collection(folder: Path) -> None:
    """Some images, a subset, a manifest."""
    pictures = folder / "pictures"
    pictures.mkdir()
    for number in range(6):
        Image.new("RGB", (512, 512), (40 * number, 9, 9)).save(pictures / f"{number}.png")
        (pictures / f"{number}.txt").write_text("cat, dog")
    for line in ("scan pictures --collection .", "subset add cats cat", "filter save cats cat", "freeze one"):
        subprocess.run([sys.executable, "-m", "curator", *line.split()], cwd=folder, check=True)


def milliseconds(arguments: list[str], folder: Path) -> float:
    """Processor time of one call, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    calls = REFERENCES | {f"frieze {line}": ["-m", "curator", *line.split()] for line in COMMANDS}
    times: dict[str, list[float]] = {name: [] for name in calls}
    with tempfile.TemporaryDirectory() as folder:
        collection(Path(folder))
        for _ in range(rounds):
            for name, arguments in calls.items():
                times[name].append(milliseconds(arguments, Path(folder)))
    bare = statistics.median(times["bare python"])
    print(f"processor time, median of {rounds} (best), load {os.getloadavg()[0]:.1f}")
    print("| | ms | x bare Python |\n|---|---|---|")
    for name, taken in times.items():
        middle = statistics.median(taken)
        print(f"| `{name}` | {middle:.0f} ({min(taken):.0f}) | {middle / bare:.1f} |")


if __name__ == "__main__":
    main()
