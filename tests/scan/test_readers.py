"""Files read by other processes: the same outcomes in the same order, whatever becomes of a process."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from curator.scan.readers import readers
from curator.scan.readers.readers import Readers
from curator.scan.readers.reading import READING, Answer, FactsFields, Question, Wanted, read_all
from curator.scan.readers.wire import packed, received
from curator.scan.sidecars.sidecar import SidecarFields


@pytest.fixture
def wanted(tmp_path: Path) -> Question:
    names = [f"{number}.png" for number in range(12)] + ["caf\udce9.png", "gone.png", "bad.png"]
    for number, name in enumerate(names[:13]):
        Image.new("RGB", (10 + number, 8), number).save(tmp_path / name)
    (tmp_path / "3.txt").write_text("fox, red")
    (tmp_path / "4.json").write_text('{"tags_artist": ["me"], "caption": "é \\ud800"}')
    (tmp_path / "bad.png").write_bytes(b"\x89PNG")
    sidecars = {"3.png": (".txt",), "4.png": (".json",), "5.png": (".txt",)}
    return Question(str(tmp_path), [(name, True, sidecars.get(name, ()), (), None) for name in names])


@pytest.fixture(autouse=True)
def nothing_is_read_while_processes_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "_MEANWHILE", 0)


class Outcome(NamedTuple):
    """What an answer says of one image."""

    facts: FactsFields | None
    reason: str | None
    sidecars: tuple[SidecarFields, ...]


def outcome(answer: Answer, place: int) -> Outcome:
    return Outcome(answer.facts[place], answer.reasons.get(place), answer.sidecars[place])


def read_here(question: Question) -> tuple[list[Outcome], list[tuple[str, str]]]:
    answer = read_all(question)
    return [outcome(answer, place) for place in range(len(question.wanted))], answer.warnings


def cut(question: Question, size: int) -> list[tuple[int, Question]]:
    parts = (question.wanted[at : at + size] for at in range(0, len(question.wanted), size))
    return [(len(part), Question(question.folder, part)) for part in (*parts, [])]


def by_processes(question: Question, size: int, here: int = 0) -> tuple[list[Outcome], list[tuple[str, str]]]:
    outcomes: list[Outcome] = []
    warnings: list[tuple[str, str]] = []
    with Readers(replace(READING, inline_limit=here)) as reading:
        for count, answer in reading.read(iter(cut(question, size))):
            assert len(answer.facts) == len(answer.sidecars) == count
            outcomes += [outcome(answer, place) for place in range(count)]
            warnings += answer.warnings
    return outcomes, warnings


@pytest.mark.parametrize("here", [0, 5, 100])
@pytest.mark.parametrize("size", [1, 4, 20])
def test_the_same_as_read_here(
    wanted: Question, monkeypatch: pytest.MonkeyPatch, here: int, size: int
) -> None:
    monkeypatch.setattr(readers, "_COUNT", 2)
    expected = read_here(wanted)
    assert [each.reason for each in expected[0][-2:]] == [
        "the file is gone",
        "not an image of a known format",
    ]
    assert expected[1] == [(f"{wanted.folder}/5.txt", "No such file or directory")]
    assert by_processes(wanted, size, here) == expected


def test_a_process_that_is_killed_costs_nothing(wanted: Question, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "_COUNT", 1)
    found: list[Outcome] = []
    with Readers(replace(READING, inline_limit=0)) as reading:
        for _, answer in reading.read(iter(cut(wanted, 1)[:-1])):
            found.append(outcome(answer, 0))
            for process in (*reading._starting, *reading._processes):
                os.kill(process._process.pid, signal.SIGKILL)
    assert found == read_here(wanted)[0]


def test_a_file_that_kills_its_reader_is_named(
    wanted: Question, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A decoder that crashes takes a process with it, not the scan: here a stand-in that dies of one file."""
    killer = tmp_path / "killer.py"
    killer.write_text(
        "import os\nfrom dataclasses import replace\nfrom curator.scan.readers import reader_process, reading\n"
        "dies = lambda asked: os._exit(1) if '7.png' in str(asked.wanted) else reading.read_all(asked)\n"
        "reader_process.job_named = lambda name: replace(reading.READING, work=dies)\n"
        "reader_process.main()\n"
    )
    monkeypatch.setattr(readers, "_COMMAND", [str(killer)])
    found, _ = by_processes(wanted, 4)
    expected, _ = read_here(wanted)
    assert found[7].reason == "its decoder crashed"
    assert found[:7] + found[8:] == expected[:7] + expected[8:]


def test_what_a_dead_process_had_not_begun_is_asked_of_another(
    wanted: Question, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """However much it was asked, its death costs one process more, not one for each file."""
    dying = tmp_path / "dying.py"
    dying.write_text(
        "import os\nfrom dataclasses import replace\nfrom curator.scan.readers import reader_process, reading\n"
        f"died = {str(tmp_path / 'died')!r}\n"
        "def dies_once(asked):\n"
        "    if asked.wanted and not os.path.exists(died):\n"
        "        open(died, 'w').close()\n"
        "        os._exit(1)\n"
        "    return reading.read_all(asked)\n"
        "reader_process.job_named = lambda name: replace(reading.READING, work=dies_once)\n"
        "reader_process.main()\n"
    )
    started: list[str] = []

    class Counted(readers._Process):
        def __init__(self, job: str) -> None:
            started.append(job)
            super().__init__(job)

        def has_answer(self) -> bool:
            return False  # so all is asked before any answer is taken

    monkeypatch.setattr(readers, "_COMMAND", [str(dying)])
    monkeypatch.setattr(readers, "_COUNT", 1)
    monkeypatch.setattr(readers, "_Process", Counted)
    assert by_processes(wanted, 1) == read_here(wanted)
    assert len(started) == 2


def test_files_are_read_here_while_processes_start(wanted: Question, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "_MEANWHILE", 1000)
    assert by_processes(wanted, 1, here=1) == read_here(wanted)


def test_no_processes_to_be_had(wanted: Question, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers.sys, "executable", "/nowhere/python")
    assert by_processes(wanted, 4) == read_here(wanted)


def test_processes_that_do_not_come_up(wanted: Question, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is blamed for it."""
    monkeypatch.setattr(readers, "_COMMAND", ["-c", "raise SystemExit(1)"])
    assert by_processes(wanted, 4) == read_here(wanted)


def test_programs_among_the_pictures_are_not_run(
    wanted: Question, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("json", "hashlib", "struct", "curator"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    assert by_processes(wanted, 4) == read_here(wanted)
    assert not (tmp_path / "ran").exists()


def test_what_crosses_comes_back(wanted: Question, tmp_path: Path) -> None:
    answer = read_all(wanted)
    (tmp_path / "pipe").write_bytes(packed(wanted) + packed(answer) + b"\x09")
    with (tmp_path / "pipe").open("rb") as pipe:
        assert Question._make(received(pipe) or ()) == wanted
        assert Answer._make(received(pipe) or ()) == answer
        assert received(pipe) is None


def test_a_folder_that_went(wanted: Question, tmp_path: Path) -> None:
    (tmp_path / "3.txt").unlink()
    outcomes, warnings = read_here(Question(str(tmp_path / "gone"), wanted.wanted))
    assert {each.reason for each in outcomes} == {"the file is gone"}
    assert len(warnings) == 3


@pytest.mark.parametrize("here", [0, 100])
def test_of_known_images_only_what_changed_is_read(wanted: Question, tmp_path: Path, here: int) -> None:
    def seen(name: str) -> tuple[int, int]:
        status = (tmp_path / name).stat()
        return status.st_size, status.st_mtime_ns

    other = (1, 1)
    asked: list[Wanted] = [
        ("0.png", True, (), (), (*seen("0.png"), {})),
        ("1.png", True, (), (), (*other, {})),
        ("3.png", True, (".txt",), (), (*seen("3.png"), {".txt": seen("3.txt")})),
        ("3.png", True, (".txt",), (), (*seen("3.png"), {".txt": other})),
        ("4.png", True, (".json",), (), (*other, {})),
        ("2.png", True, (), (), (*seen("2.png"), {".txt": other})),
        ("gone.png", True, (), (), (*other, {})),
        ("6.png", True, (), (), None),
    ]
    with Readers(replace(READING, inline_limit=here)) as reading:
        pieces = [(None, Question(wanted.folder, asked[at : at + 4])) for at in (0, 4)]
        one, two = (answer for _, answer in reading.read(iter(pieces)))
    assert ((one.same, one.gone, one.rereads), (two.same, two.gone, two.rereads)) == (
        ([0, 2], [], [3]),
        ([], [2], [0, 1]),
    )
    assert [facts is not None for facts in one.facts + two.facts] == [at in (1, 4, 7) for at in range(8)]
    assert [len(each) for each in one.sidecars + two.sidecars] == [0, 0, 0, 1, 1, 0, 0, 0]
    assert (one.reasons, two.reasons) == ({}, {})
    away = read_all(Question(str(tmp_path / "away"), asked))
    assert (away.gone, away.same, away.reasons) == (list(range(7)), [], {7: "the file is gone"})
