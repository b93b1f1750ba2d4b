"""Benchmark of commands that scripts call: processor time of each, beside a bare Python in the same rounds.

`python bench/commands.py [ROUNDS]` makes a small collection, and runs the `frieze` of the Python it is run by.
Processor time moves less than the clock's when other jobs run beside it. Byte code is kept, as in any installation:
beside the collection, whatever the environment says of it.
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

from curator.cli.command_words import COMPLETES

Call = tuple[list[str], str | None]  # arguments of Python, and the line a shell would have completed

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
COMPLETED = (
    "ru",
    "ls do",
    "ls subset:",
    "tag add cat d",
    "runs show ",
    "manifest show ",
    "train one --recipe ",
    "ls --",
)
REFERENCES = {
    "bare python": ["-c", "pass"],
    "import typer": ["-c", "import typer"],
    "sqlite-utils tables": ["-m", "sqlite_utils", "tables", "frieze.db"],
}


def environment(folder: Path) -> dict[str, str]:
    """The environment of a call: byte code is kept in the folder."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(folder / "byte code")}


def collection(folder: Path) -> None:
    """Some images, a subset, a manifest."""
    pictures = folder / "pictures"
    pictures.mkdir()
    for number in range(6):
        Image.new("RGB", (512, 512), (40 * number, 9, 9)).save(pictures / f"{number}.png")
        (pictures / f"{number}.txt").write_text("cat, dog")
    for line in ("scan pictures --collection .", "subset add cats cat", "filter save cats cat", "freeze one"):
        command = [sys.executable, "-m", "curator", *line.split()]
        subprocess.run(command, cwd=folder, check=True, env=environment(folder), stdout=subprocess.DEVNULL)


def milliseconds(arguments: list[str], folder: Path, line: str | None = None) -> float:
    """Processor time of one call, user and system; with a `line`, as a shell asks what completes it."""
    asked = {} if line is None else {COMPLETES: "fish", "_FRIEZE_LINE": f"frieze {line}"}
    command, kept = [sys.executable, *arguments], environment(folder) | asked
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=True, env=kept, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    typed = {f"frieze {line}": ["-m", "curator", *line.split()] for line in COMMANDS}
    calls: dict[str, Call] = {name: (words, None) for name, words in (REFERENCES | typed).items()}
    calls |= {f"frieze {line}<TAB>": (["-m", "curator"], line) for line in COMPLETED}
    times: dict[str, list[float]] = {name: [] for name in calls}
    with tempfile.TemporaryDirectory() as folder:
        collection(Path(folder))
        for _ in range(rounds):
            for name, (arguments, line) in calls.items():
                times[name].append(milliseconds(arguments, Path(folder), line))
    bare = statistics.median(times["bare python"])
    print(f"processor time, median of {rounds} (best), load {os.getloadavg()[0]:.1f}")
    print("| | ms | x bare Python |\n|---|---|---|")
    for name, taken in times.items():
        middle = statistics.median(taken)
        print(f"| `{name}` | {middle:.0f} ({min(taken):.0f}) | {middle / bare:.1f} |")


if __name__ == "__main__":
    main()
