"""Images from what a run saved are those it made itself (S077): an adapter, the whole model, embeddings of a word."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from curator.contract.errors import UserError
from curator.contract.recipe.toml_file import dump_recipe
from curator.contract.run.events import SampleMade
from curator.contract.run.sample_job import SampleJob
from curator.runs.programs.samples import make_samples, of_run
from train.preview.render import render

SAMPLES = (
    "sample.prompts=['a red thing --s 3 --ss ddim']", "sample.width=64", "sample.height=64", "sample.at_start=false",
    "length.steps=2", "save.dtype=fp32", "precision.mixed=fp32",
)  # fmt: skip


def pixels(path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture).astype(int)


@pytest.mark.parametrize(
    "sets",
    [
        ("optimizer.unet_lr=0.05",),
        ("trains=full", "full.format=folder", "optimizer.unet_lr=0.001"),
        ("trains=embeddings", "embeddings.word=red", "embeddings.lr=0.5"),
    ],
    ids=["adapter", "model", "embeddings"],
)
def test_saved_weights_make_the_images_the_run_made(
    make_run, work, events_of, tmp_path, capsys, sets
) -> None:
    run = make_run(*SAMPLES, *sets)
    assert work(run) == 0
    (made,) = [event for event in events_of(run) if isinstance(event, SampleMade)]
    capsys.readouterr()
    recipe, adapters = of_run(run, None)
    render(SampleJob(dump_recipe(recipe), adapters, str(tmp_path)))
    assert '"done": 1, "total": 1, "image"' in capsys.readouterr().out
    mine = pixels(tmp_path / "sample-0000.png")
    assert np.abs(mine - pixels(run.path / made.path)).max() <= 2
    base = of_run(run, None)[0] if "trains=full" not in sets else None
    if base and not sets[0].startswith("trains"):
        render(SampleJob(dump_recipe(base), (), str(tmp_path)))
        assert np.abs(mine - pixels(tmp_path / "sample-0000.png")).max() > 2


def test_the_weights_of_a_step_are_chosen_or_refused(make_run, work, tmp_path) -> None:
    run = make_run(
        *SAMPLES[:4], "sample.at_end=true", "length.steps=3", "save.every_steps=1", "sample.steps=1"
    )
    with pytest.raises(UserError, match="has written no weights"):
        of_run(run, None)
    assert work(run) == 0
    assert of_run(run, 2)[1][0][0].endswith("-step00000002.safetensors")
    assert of_run(run, None)[1][0][0].endswith("tiny.safetensors") or of_run(run, 3)
    with pytest.raises(UserError, match="no weights of step 9"):
        of_run(run, 9)
    weights = of_run(run, 2)[1][0][0]
    (run.output_dir / weights.rpartition("/")[2]).unlink()
    with pytest.raises(UserError, match="are gone"):
        of_run(run, 2)
    recipe, adapters = of_run(run, 1)
    told: list[tuple[int, int]] = []
    made = make_samples(
        recipe,
        adapters,
        tmp_path / "made",
        replaces=False,
        hear=lambda what, hint: None,
        progress=lambda done, total: told.append((done, total)),
    )
    assert [(each["prompt"], each["sampler"], each["steps"]) for each in made] == [("a red thing", "ddim", 3)]
    assert told == [(0, 1), (1, 1)]
