"""Programs on one collection, killed with SIGKILL at random moments; what each was told is done must be there.

    python -m bench.kill --rounds 200
    python -m bench.kill --scenario app --acknowledged 10000

`writers`: an `editor` gives single images a tag each, a `bulk` writer gives thousands a tag, takes some of that back
and folds, an `importer` brings batches in. `app`: programs that come and go beside an open app (`visitors.py`). Each
prints a line when the library has told it that a commit is done.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench import visitors
from curator.index.bulk_import import BulkImport
from curator.index.changes.edits import AddTags
from curator.index.collection import Collection
from curator.index.images.new_images import ImageBatch

IMAGES = 3000
# who works together in one round; the next takes the next crew
SCENARIOS = {"writers": (("editor", "bulk", "importer"),), "app": visitors.CREWS}


@dataclass
class Outcome:
    """What all rounds together showed."""

    rounds: int = 0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    quick_check: str = ""
    seconds: float = 0.0


def kill_rounds(
    folder: Path, rounds: int, seed: int, scenario: str = "writers", acknowledged: int = 0
) -> Outcome:
    """Start all programs, let them work, kill them; again and again on the same collection.

    So many `rounds`, and more of them until so many commits are `acknowledged`.
    """
    begun = time.perf_counter()
    _prepare(folder)
    rng = random.Random(seed)
    outcome = Outcome()
    told: list[str] = []
    while outcome.rounds < rounds or len(told) < acknowledged:
        told += _round(folder, outcome.rounds, scenario, rng)
        outcome.rounds += 1
    outcome.acknowledged = len(told)
    outcome.quick_check = _quick_check(folder)
    with Collection.open(folder) as collection:
        outcome.faults = collection.check()
        collection.fold()
        outcome.faults += collection.check()
        outcome.lost = [line for line in told if not _is_there(collection, line)]
    outcome.seconds = time.perf_counter() - begun
    return outcome


def _prepare(folder: Path) -> None:
    with Collection.create(folder) as collection:
        with collection.writing():
            root = collection.images.root("/p")
        paths = [f"{k}.png" for k in range(IMAGES)]
        tags = [("all", f"t{k % 9}") for k in range(IMAGES)]
        ones = np.ones(IMAGES, np.int64)
        with BulkImport(collection, "prepared") as load:
            load.add(ImageBatch(root, paths, tags, [b"s" * 32] * IMAGES, *[ones] * 5))


def _round(folder: Path, number: int, scenario: str, rng: random.Random) -> list[str]:
    """Each program works until it has told something and some time is over; then they end, and all are heard."""
    crews = SCENARIOS[scenario]
    started = [(role, *_started(role, folder, number)) for role in crews[number % len(crews)]]
    readers = [os.fdopen(pipe) for _, _, pipe in started]
    first = [reader.readline() for reader in readers]
    if scenario == "app":
        _end_one_by_one({process: role for role, process, _ in started}, rng)
    else:
        time.sleep(rng.uniform(0.0, 0.25))
        for _, process, _ in started:
            os.kill(process, signal.SIGKILL)
    rest = [line for reader in readers for line in reader.read().splitlines(keepends=True)]
    for _, process, _ in started:
        os.waitpid(process, 0)
    for reader in readers:
        reader.close()
    return [line.strip() for line in first + rest if line.endswith("\n") and line.strip()]


def _end_one_by_one(roles: dict[int, str], rng: random.Random) -> None:
    """Some quit as a person quits them, some are killed, in any order, while the others go on."""
    for process in rng.sample(sorted(roles), len(roles)):
        time.sleep(rng.uniform(0.0, 0.3))
        is_killed = roles[process] not in visitors.ENDED_BY_THEMSELVES and rng.random() < 0.5
        os.kill(process, signal.SIGKILL if is_killed else signal.SIGTERM)


def _started(role: str, folder: Path, number: int) -> tuple[int, int]:
    """(process, where it can be heard): a fork, because starting Python again would take most of a round."""
    hear, tell = os.pipe()
    process = os.fork()
    if process:
        os.close(tell)
        return process, hear
    try:
        os.dup2(tell, 1)
        os.closerange(
            3, os.sysconf("SC_OPEN_MAX")
        )  # among them where the others are heard: so they notice its end
        sys.stdout = os.fdopen(1, "w")
        work(role, folder, number)
    finally:
        os._exit(1)


def _quick_check(folder: Path) -> str:
    connection = sqlite3.connect(folder / "frieze.db")
    found = connection.execute("PRAGMA quick_check").fetchone()[0]
    connection.close()
    return str(found)


def _is_there(collection: Collection, line: str) -> bool:
    role, name, count = line.split()
    if role == "importer":
        with collection.reading():
            root = collection.images.roots()["/p"]
            known = collection.images.known(root, [f"{name}/{k}.png" for k in range(int(count))])
            return len(known) == int(count) and all(file.alive for file in known.values())
    tag = collection.tags.find(name)
    images = collection.bitmaps.of(tag.id) if tag else ()
    if tag is None or len(images) != int(count):
        return False
    return all(name in tags for tags in collection.tag_names(list(images)[:: max(1, len(images) // 20)]))


def work(role: str, folder: Path, number: int) -> None:
    """A program's endless life."""
    if role in visitors.ROLES:
        visitors.work(role, folder, number)
        return
    with Collection.open(folder) as collection:
        match role:
            case "editor":
                _edit(collection, number)
            case "bulk":
                _edit_in_bulk(collection, number)
            case _:
                _import(collection, number)


def _edit(collection: Collection, number: int) -> None:
    for k in range(10**9):
        collection.apply(AddTags((f"e{number}_{k}",), "start"), [k % IMAGES + 1])
        print(f"editor e{number}_{k} 1", flush=True)


def _edit_in_bulk(collection: Collection, number: int) -> None:
    for k in range(10**9):
        ids = range(1 + k % 7, IMAGES + 1, 2)
        collection.apply(AddTags((f"b{number}_{k}",), "start" if k % 2 else "end"), ids)
        print(f"bulk b{number}_{k} {len(ids)}", flush=True)
        collection.fold(0.02)


def _import(collection: Collection, number: int) -> None:
    root = collection.images.roots()["/p"]
    with BulkImport(collection, f"source {number}") as load:
        for k in range(10**9):
            numbers = np.arange(40)
            name = f"i{number}_{k}"
            paths = [f"{name}/{image}.png" for image in range(40)]
            tags = [["imported", name]] * 40
            load.add(ImageBatch(root, paths, tags, [bytes(32)] * 40, *[numbers] * 4, numbers % 3))
            print(f"importer {name} 40", flush=True)
            if k % 5 == 4:
                load.publish()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", choices=SCENARIOS, default="writers")
    parser.add_argument("--rounds", type=int, default=None)
    parser.add_argument("--acknowledged", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rounds = options.rounds if options.rounds is not None else 0 if options.acknowledged else 200
    with tempfile.TemporaryDirectory() as folder:
        outcome = kill_rounds(
            Path(folder) / "c", rounds, options.seed, options.scenario, options.acknowledged
        )
    programs = ", ".join(sorted({role for crew in SCENARIOS[options.scenario] for role in crew}))
    print(f"{outcome.rounds} rounds of kill -9 on {programs} in {outcome.seconds:.0f} s")
    print(f"{outcome.acknowledged} commits acknowledged, {len(outcome.lost)} lost: {outcome.lost[:5]}")
    print(f"quick_check {outcome.quick_check}; differences from a rebuild: {outcome.faults[:5] or 'none'}")


if __name__ == "__main__":
    main()
