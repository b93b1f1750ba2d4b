"""The list of runs and the names that mean one of them (row B09)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.contract.run import events as ev
from curator.contract.run.event_log import EventLog
from curator.contract.run.run_folder import RunFolder
from curator.runs.listing import find_run, list_runs

MakeRun = Callable[..., RunFolder]


@contextmanager
def held(run: RunFolder) -> Generator[None]:
    """A living worker, whose process is gone afterwards."""
    try:
        with run.hold():
            yield
    finally:
        (run.path / "worker.json").write_text("{}")


def log_steps(run: RunFolder, first: int, last: int) -> None:
    log = EventLog(run.events_path)
    log.write(ev.RunStarted(0, first, 5000, 1, first > 0, 1, "cpu", 1))
    for i in range(first + 1, last + 1):
        log.write(ev.StepDone(0, i, 0, i / 10, {"unet": 1e-4}, 1.0, 2, 0.1, 0))
    log.close()


def test_one_line_of_each_run(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("fox")
    make_run("new")
    log_steps(run, 0, 7)
    (tmp_path / "runs" / "no-run").mkdir()
    found = {each.name[11:]: each for each in list_runs(tmp_path / "runs")}
    assert set(found) == {"fox", "new"}
    assert (found["fox"].step, found["fox"].total_steps, found["fox"].loss) == (7, 5000, 0.7)
    assert (found["new"].step, found["new"].loss, found["new"].status) == (0, None, "new")


def test_a_long_log_is_read_at_its_ends_only(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    log_steps(run, 0, 2000)
    assert run.events_path.stat().st_size > 3 * (1 << 16)
    (summary,) = list_runs(tmp_path / "runs")
    assert (summary.step, summary.total_steps) == (2000, 5000)


def test_a_resumed_run_stands_where_it_resumed(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    log_steps(run, 0, 9)
    log_steps(run, 4, 4)
    assert list_runs(tmp_path / "runs")[0].step == 4


def test_no_runs_is_no_mistake(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == []


def test_names_complete_by_a_unique_beginning(make_run: MakeRun, tmp_path: Path) -> None:
    parent = tmp_path / "runs"
    fox, wolf = make_run("fox"), make_run("wolf")
    again = make_run("fox")
    assert find_run(parent, "wo").path == wolf.path
    assert find_run(parent, fox.path.name).path == fox.path  # also the beginning of the second one's folder
    assert find_run(parent, str(again.path)).path == again.path
    with pytest.raises(UserError, match="means several runs") as several:
        find_run(parent, fox.path.name[:8])
    assert again.path.name in several.value.hint
    assert wolf.path.name in several.value.hint
    with pytest.raises(UserError, match="no run 'wulf'") as missing:
        find_run(parent, "wulf")
    assert "wolf" in missing.value.hint
    with pytest.raises(UserError) as missing:
        find_run(parent, "1234")
    assert missing.value.hint == "known: fox, wolf"  # not each folder as well


def test_a_name_of_several_runs_means_the_living_one_else_the_newest(
    make_run: MakeRun, tmp_path: Path
) -> None:
    parent = tmp_path / "runs"
    runs = [make_run("fox") for _ in range(11)]  # of one second: `-10` and `-11` sort before `-2`
    assert find_run(parent, "fox").path == runs[-1].path
    assert find_run(parent, "fo").path == runs[-1].path
    with held(runs[3]):
        assert find_run(parent, "fox").path == runs[3].path
        with held(runs[5]), pytest.raises(UserError, match="several") as several:
            find_run(parent, "fox")
        assert runs[3].path.name in several.value.hint
        assert runs[4].path.name not in several.value.hint


def test_the_newest_is_told_by_its_moment_not_by_its_name(make_run: MakeRun, tmp_path: Path) -> None:
    """An offset of the clock (summer time) changes nothing."""
    older, newer = make_run("fox"), make_run("fox")
    for run, at in ((older, "2025-01-01T12:00:00+00:00"), (newer, "2025-01-01T08:00:00-08:00")):
        about = json.loads((run.path / "run.json").read_text())
        (run.path / "run.json").write_text(json.dumps({**about, "created_at": at}))
    older.path.rename(older.path.with_name("z-fox"))
    assert find_run(tmp_path / "runs", "fox").path == newer.path


def test_a_living_run_that_waits_is_paused(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    log = EventLog(run.events_path)

    def listed() -> tuple[str, int | None]:
        (summary,) = list_runs(tmp_path / "runs")
        return summary.status, summary.pid

    with held(run):
        log.write(ev.RunStarted(0, 0, 10, 1, False, 1, "cpu", 1))
        log.write(ev.Paused(0, 3))
        assert listed() == ("paused", os.getpid())
        log.write(ev.SampleMade(0, 3, "samples/a.png", "a fox", 1))
        assert listed()[0] == "paused"
        log.write(ev.Resumed(0, 3))
        assert listed()[0] == "running"
        log.write(ev.Paused(0, 4))
        run.finish("stopped", 4)
    assert listed() == ("stopped", None)


def test_a_line_says_why_a_run_failed_and_where_its_weights_are(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    log_steps(run, 0, 3)
    log = EventLog(run.events_path)
    log.write(ev.RunFailed(0, "the disk is full", "free space"))
    with held(run):
        run.finish("failed", 3)
    for age, name in enumerate(("fox.safetensors", "fox-step2.safetensors", "fox-step1.safetensors")):
        file = run.output_dir / name
        file.touch()
        os.utime(file, (1000 - age, 1000 - age))
    (run.output_dir / "dir.safetensors").mkdir()
    (summary,) = list_runs(tmp_path / "runs")
    assert (summary.status, summary.failure) == ("failed", "the disk is full")
    assert summary.weights == run.output_dir / "fox.safetensors"
    assert summary.log == run.path / "log.txt"


def test_where_there_are_no_runs_the_hint_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        find_run(tmp_path, "x")
    assert "frieze train" in caught.value.hint


def test_one_damaged_run_hides_no_other(tmp_path: Path) -> None:
    whole = RunFolder.create(tmp_path, "whole", "", tmp_path / "m", "")
    broken = RunFolder.create(tmp_path, "broken", "", tmp_path / "m", "")
    (broken.path / "run.json").write_text("")
    assert [each.name for each in list_runs(tmp_path)] == [whole.path.name]
    assert find_run(tmp_path, "whole").path == whole.path
    with pytest.raises(UserError, match="is damaged"):
        find_run(tmp_path, "broken")  # its name is known of its folder alone


def test_a_fork_that_has_not_begun_stands_where_it_comes_from(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    run.write_info(replace(run.info(), forked_from="other", from_step=7))
    assert list_runs(tmp_path / "runs")[0].step == 7
