"""Memory of a pick from a dump: rows stream by, and of each only what chooses it is held (S003)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FEW, MANY = 5_000, 65_000
TAGS = " ".join(f"tag_{number}" for number in range(30))
BYTES_A_POST = 100  # a post's tags alone would be 250, and ten times that as a list
WATCHED = (
    "import atexit, sys; from pathlib import Path; from curator.cli.main import main;"
    "atexit.register(lambda: sys.stderr.write(next(line for line in"
    " Path('/proc/self/status').read_text().splitlines() if line.startswith('VmHWM'))));"
    "sys.argv = ['frieze', *sys.argv[1:]]; main()"
)


def write_dump(path: Path, count: int) -> None:
    with path.open("w") as file:
        for number in range(count):
            post = {
                "id": number,
                "rating": "gsqe"[number % 4],
                "score": number * 7919 % 1000,
                "fav_count": number * 104_729 % 5000,
                "created_at": "2020-01-01T00:00:00Z",
                "tag_string_general": f"{TAGS} own_{number % 20_000}",
            }
            file.write(json.dumps(post) + "\n")


def picked_and_peak(dump: Path) -> tuple[int, int]:
    """How many ids a pick gives, and the process's memory at most in bytes."""
    words = (
        "pick",
        "rating:general score>=100",
        "--dump",
        str(dump),
        "--by",
        "score",
        "--top",
        "1000",
        "--ids",
    )
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *words], capture_output=True, text=True, timeout=600,
        env={**os.environ, "MALLOC_ARENA_MAX": "1"}, cwd=dump.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return len(done.stdout.splitlines()), int(done.stderr.rsplit("VmHWM:", 1)[1].split()[0]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells the most memory there")
def test_a_dump_is_picked_from_in_bounded_memory(tmp_path: Path) -> None:
    """S003: select, filter, and ids out, with no list of all rows: 4 million posts are a few hundred MB."""
    write_dump(tmp_path / "few.jsonl", FEW)
    write_dump(tmp_path / "many.jsonl", MANY)
    (count, little), (same, much) = (picked_and_peak(tmp_path / f"{name}.jsonl") for name in ("few", "many"))
    assert count == same == 1000
    assert (much - little) / (MANY - FEW) < BYTES_A_POST
