"""A run made by an earlier version goes on in this one; `fixtures/run_of_version_1` is kept for ever.

Its state was saved after 4 of 6 steps. It has dropout, which that version drew by process and this one draws by sample:
so what is expected is what this version made of the state first, and near what that one would have. Where the images
and the base model lie differs from machine to machine: what a state says of them is put in place here.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from curator.contract.run.events import RunStarted, StepDone
from curator.contract.run.run_folder import RunFolder
from train.families.fingerprint import fingerprint_of

OLD = Path(__file__).parents[1] / "fixtures" / "run_of_version_1"


@pytest.fixture
def old_run(tmp_path: Path, whole_model: Path, freeze, monkeypatch) -> RunFolder:
    (tmp_path / "tiny").symlink_to(whole_model)
    monkeypatch.chdir(tmp_path)
    images = freeze()
    recipe = (OLD / "recipe.toml").read_text("utf-8")
    run = RunFolder.create(tmp_path / "runs", "old", recipe, images.manifest, images.digest)
    shutil.copytree(OLD / "state", run.state_dir, dirs_exist_ok=True)
    for path in run.state_dir.glob("*/state.json"):
        said = json.loads(path.read_text())
        said |= {"manifest_digest": images.digest, "base": fingerprint_of("tiny", "")}
        path.write_text(json.dumps(said))
    return run


def test_a_run_of_the_version_before_goes_on(old_run: RunFolder, work, events_of) -> None:
    """S079: weights, the optimiser's memory and the recipe's identity are taken over."""
    assert work(old_run) == 0
    events = events_of(old_run)
    assert [event.step for event in events if isinstance(event, RunStarted)] == [4]
    losses = {event.step: event.loss for event in events if isinstance(event, StepDone)}
    expected = json.loads((OLD / "expected_losses.json").read_text())
    assert losses == pytest.approx({step: expected[str(step)] for step in (5, 6)}, rel=1e-4)
    drawn_by_process = {5: 0.955623209476471, 6: 1.013252854347229}
    assert losses == pytest.approx(drawn_by_process, rel=0.01)
    weights = load_file(old_run.output_dir / "old.safetensors")
    for name, tensor in load_file(OLD / "expected.safetensors").items():
        assert torch.allclose(weights[name], tensor, atol=1e-4), name


def test_an_old_run_with_another_recipe_is_refused(old_run: RunFolder, work, capsys) -> None:
    text = old_run.recipe_path.read_text("utf-8")
    old_run.recipe_path.write_text(text.replace("unet_lr = 0.01", "unet_lr = 0.02"), "utf-8")
    assert work(old_run) == 3
    assert "another recipe" in capsys.readouterr().err
