"""Files read by other processes: the same outcomes in the same order, whatever becomes of a process."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from curator.scan import readers
from curator.scan.crossing import packed_outcomes, packed_wanted, receive_outcomes, receive_wanted
from curator.scan.readers import Readers
from curator.scan.reading import Outcome, Wanted, read_all


class Piece(NamedTuple):
    wanted: list[Wanted]


@pytest.fixture
def wanted(tmp_path: Path) -> list[Wanted]:
    names = [f"{number}.png" for number in range(12)] + ["caf\udce9.png", "gone.png", "bad.png"]
    for number, name in enumerate(names[:13]):
        Image.new("RGB", (10 + number, 8), number).save(tmp_path / name)
    (tmp_path / "3.txt").write_text("fox, red")
    (tmp_path / "4.json").write_text('{"tags_artist": ["me"], "caption": "é \\ud800"}')
    (tmp_path / "bad.png").write_bytes(b"\x89PNG")
    sidecars = {"3.png": ("3.txt",), "4.png": ("4.json",), "5.png": ("5.txt",)}
    return [Wanted(str(tmp_path), name, True, sidecars.get(name, ())) for name in names]


def by_processes(wanted: list[Wanted], size: int) -> list[Outcome]:
    pieces = [Piece(wanted[at : at + size]) for at in range(0, len(wanted), size)] + [Piece([])]
    found: list[Outcome] = []
    with Readers() as reading:
        for piece, outcomes in reading.read(iter(pieces)):
            assert len(outcomes) == len(piece.wanted)
            found += outcomes
    return found


@pytest.mark.parametrize("here", [0, 5, 100])
@pytest.mark.parametrize("size", [1, 4, 20])
def test_the_same_as_read_here(
    wanted: list[Wanted], monkeypatch: pytest.MonkeyPatch, here: int, size: int
) -> None:
    monkeypatch.setattr(readers, "_READ_HERE", here)
    monkeypatch.setattr(readers, "_COUNT", 2)
    expected = read_all(wanted)
    assert [each.reason for each in expected[-2:]] == ["the file is gone", "not an image of a known format"]
    assert expected[5].warnings
    assert by_processes(wanted, size) == expected


def test_a_process_that_is_killed_costs_nothing(
    wanted: list[Wanted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "_READ_HERE", 0)
    monkeypatch.setattr(readers, "_COUNT", 1)
    found: list[Outcome] = []
    with Readers() as reading:
        for _, outcomes in reading.read(iter([Piece([each]) for each in wanted])):
            found += outcomes
            for process in reading._processes:
                os.kill(process._process.pid, signal.SIGKILL)
    assert found == read_all(wanted)


def test_a_file_that_kills_its_reader_is_named(
    wanted: list[Wanted], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A decoder that crashes takes a process with it, not the scan: here a stand-in that dies of one file."""
    killer = tmp_path / "killer.py"
    killer.write_text(
        "import os\nfrom curator.scan import reader_process, reading\nplain = reading.read_all\n"
        "reader_process.read_all = lambda some: os._exit(1) if any(w.name == '7.png' for w in some) else plain(some)\n"
        "reader_process.main()\n"
    )
    monkeypatch.setattr(readers, "_COMMAND", [str(killer)])
    monkeypatch.setattr(readers, "_READ_HERE", 0)
    found = by_processes(wanted, 4)
    expected = read_all(wanted)
    assert found[7].reason == "its decoder crashed"
    assert found[:7] + found[8:] == expected[:7] + expected[8:]


def test_no_processes_to_be_had(wanted: list[Wanted], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "_READ_HERE", 0)
    monkeypatch.setattr(readers.sys, "executable", "/nowhere/python")
    assert by_processes(wanted, 4) == read_all(wanted)


def test_processes_that_do_not_come_up(wanted: list[Wanted], monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is blamed for it."""
    monkeypatch.setattr(readers, "_READ_HERE", 0)
    monkeypatch.setattr(readers, "_COMMAND", ["-c", "raise SystemExit(1)"])
    assert by_processes(wanted, 4) == read_all(wanted)


def test_programs_among_the_pictures_are_not_run(
    wanted: list[Wanted], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("json", "hashlib", "struct", "curator"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(readers, "_READ_HERE", 0)
    assert by_processes(wanted, 4) == read_all(wanted)
    assert not (tmp_path / "ran").exists()


def test_what_crosses_comes_back(wanted: list[Wanted], tmp_path: Path) -> None:
    outcomes = read_all(wanted)
    (tmp_path / "pipe").write_bytes(packed_wanted(wanted) + packed_outcomes(outcomes) + b"\x09")
    with (tmp_path / "pipe").open("rb") as pipe:
        assert receive_wanted(pipe) == wanted
        assert receive_outcomes(pipe) == outcomes
        assert receive_outcomes(pipe) is None
