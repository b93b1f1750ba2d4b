"""Runs deleted, renamed and compared: a living one is left alone, and nothing takes another's place (rows B07, B09)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from curator.contract.errors import ReplaceableError, UserError
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import dump_recipe, with_values
from curator.contract.run import events as ev
from curator.contract.run.event_log import EventLog
from curator.contract.run.run_folder import RunFolder
from curator.runs import launch
from curator.runs.managing.comparison import curves_of, knobs_apart, side_of
from curator.runs.managing.naming import rename_run
from curator.runs.managing.removal import belongings, delete_run
from curator.runs.managing.weights import export_weights

MakeRun = Callable[..., RunFolder]
Until = Callable[[Callable[[], bool]], None]


def filled(run: RunFolder) -> RunFolder:
    (run.output_dir / "fox.safetensors").write_bytes(b"w" * 1000)
    (run.state_dir / "step-00000004").mkdir()
    (run.state_dir / "step-00000004/state.json").write_text("{}")
    (run.samples_dir / "a.png").write_bytes(b"p" * 10)
    return run


def test_what_would_be_lost_is_counted_and_then_gone(make_run: MakeRun) -> None:
    run = filled(make_run("fox"))
    held = belongings(run)
    assert held[:4] == (1, 1000, 1, 1)
    assert held.all_bytes > 1010
    delete_run(run)
    assert not run.path.exists()


def test_weights_may_stay_and_their_folder_is_no_run(make_run: MakeRun) -> None:
    run = filled(make_run("fox"))
    delete_run(run, keep_weights=True)
    assert [each.name for each in run.path.rglob("*")] == ["output", "fox.safetensors"]
    assert make_run("fox").path != run.path  # nor is its name taken


def test_a_living_run_is_neither_deleted_nor_renamed(make_run: MakeRun, until: Until) -> None:
    run = make_run("fox", steps=100_000, sleep=0.02)
    launch.start(run)
    with pytest.raises(UserError, match="lives"):
        delete_run(run)
    with pytest.raises(UserError, match="lives"):
        rename_run(run, "owl")
    assert run.status() == "running"
    assert run.info().name == "fox"


def test_a_link_to_a_run_is_not_followed(make_run: MakeRun) -> None:
    run = filled(make_run("fox"))
    link = run.path.with_name("link")
    link.symlink_to(run.path)
    with pytest.raises(UserError, match="is a link"):
        delete_run(RunFolder(link))
    assert run.info().name == "fox"


def test_a_run_is_renamed_with_its_folder_and_goes_on(make_run: MakeRun, until: Until) -> None:
    run = filled(make_run("fox", steps=3))
    date = run.path.name[:10]
    renamed = rename_run(run, "owl")
    assert (renamed.path.name, renamed.info().name) == (f"{date}-owl", "owl")
    assert not run.path.exists()
    assert (renamed.output_dir / "fox.safetensors").exists()
    launch.start(renamed)
    until(lambda: renamed.status() == "finished")


@pytest.mark.parametrize(
    ("name", "why"), [("../owl", "cannot name"), ("", "cannot name"), ("taken", "already")]
)
def test_a_name_that_will_not_do_changes_nothing(make_run: MakeRun, name: str, why: str) -> None:
    make_run("taken")
    run = filled(make_run("fox"))
    with pytest.raises(UserError, match=why):
        rename_run(run, name)
    assert run.info().name == "fox"


def test_two_runs_side_by_side(tmp_path: Path) -> None:
    """B07: knobs by key, losses at the same steps, and none where a run has not come so far."""
    runs: list[RunFolder] = []
    for name, rank, steps in (("a", 4, 40), ("b", 8, 20)):
        recipe = dump_recipe(with_values(Recipe(), {"adapter.rank": rank}))
        runs.append(RunFolder.create(tmp_path, name, recipe, tmp_path / "m", "d" * 64))
        log = EventLog(runs[-1].events_path)
        log.write(ev.RunStarted(0, 0, 40, 1, False, 1, "cpu", 1))
        for step in range(1, steps + 1):
            log.write(ev.StepDone(0, step, 1, 1 / rank, {"unet": 1e-4}, 1.0, 2, 0.1, 1))
        log.write(ev.Evaluated(0, steps, 0.5, 2))
        log.write(ev.Evaluated(0, 20, 0.25, 2, held_out=True))
        log.close()
    assert [tuple(knob) for knob in knobs_apart(*runs)] == [("adapter.rank", 4, 8)]
    curves = curves_of(*map(side_of, runs))
    assert [each.step for each in curves.training] == list(range(2, 41, 2))
    assert (curves.training[0].first, curves.training[0].second) == (0.25, 0.125)
    assert (curves.training[-1].first, curves.training[-1].second) == (0.25, None)
    assert curves.fixed_noise == ((20, None, 0.5), (40, 0.5, None))
    assert curves.validation == ((20, 0.25, 0.25),)


@pytest.mark.parametrize("name", ["diary.txt", "mine.safetensors", "out/model/copy"])
def test_what_is_no_weights_is_never_replaced_by_them(make_run: MakeRun, name: str) -> None:
    """A folder of weights takes the place of no file, none that is only named so, and is not copied into itself."""
    run = make_run("first")
    model, target = run.output_dir / "model", run.path / "diary.txt"
    model.mkdir(parents=True)
    (model / "model_index.json").write_text("{}")
    if name == "mine.safetensors":
        target = run.path / name
        target.mkdir()
        (target / "letter").write_text("dear")
    elif name == "out/model/copy":
        target = model / "copy"
    else:
        target.write_text("dear diary")
    before = {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}
    with pytest.raises(UserError) as refused:
        export_weights(run, target, "model", replace=True)
    assert not isinstance(refused.value, ReplaceableError)
    assert ("inside" in refused.value.what) == (target.name == "copy")
    assert {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()} == before
