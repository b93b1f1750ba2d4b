"""Saved weights of a run judged: the losses the run itself told, resumed after a stop, memorised samples named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curator.contract.run.events import Evaluated, SampleMade, to_line
from curator.contract.run.judging import read_judging_job
from curator.runs.judging import judgement as judging
from curator.runs.judging.nearest import nearest_images
from train.programs.judge_run import judge_run

RUN = (
    "length.steps=2", "save.every_steps=1", "evaluate.images=4", "evaluate.validation_images=2",
    "evaluate.every_steps=1", "save.dtype=fp32", "precision.mixed=fp32", "optimizer.unet_lr=0.05",
)  # fmt: skip


def in_process(capsys, asked: list[int], stops_after: int | None = None):
    """In place of a program in a process of its own: the same lines."""

    def run(program, told, given="", **_):
        job = read_judging_job(given)
        asked.append(len(job.weights))
        judge_run(job)
        done = 0
        for line in capsys.readouterr().out.splitlines():
            at = json.loads(line)
            told(at)
            done += "measured" in at
            if stops_after is not None and done == stops_after:
                raise KeyboardInterrupt

    return run


@pytest.mark.parametrize("sets", [(), ("trains=full", "full.format=folder")], ids=["adapter", "model"])
def test_losses_are_those_the_run_told_and_a_stop_loses_none(
    make_run, work, events_of, capsys, monkeypatch, frozen, sets
) -> None:
    """B10, B21: each saved file, loaded as a client does, has the loss on fixed noise that the trainer measured."""
    run = make_run(*RUN, *sets, frozen=frozen(held_out=(1, 4), regs=(2, 3)))
    assert work(run) == 0
    capsys.readouterr()
    events = run.events_path.read_bytes()
    asked: list[int] = []
    hear: list[str] = []

    def judged(stops_after: int | None = None) -> judging.Judgement:
        monkeypatch.setattr(judging, "run_program", in_process(capsys, asked, stops_after))
        return judging.judge_weights(run, 4, 2, lambda what, _: hear.append(what), lambda *_: None)

    with pytest.raises(KeyboardInterrupt):
        judged(stops_after=1)
    found = judged()
    steps = [each.step for each in found.weights]
    assert steps[:2] == [1, 2]
    assert asked == [len(steps), len(steps) - 1]
    judged()
    assert len(asked) == 2  # nothing is left to measure
    assert run.events_path.read_bytes() == events
    told = {(event.step, event.held_out): event for event in events_of(run) if isinstance(event, Evaluated)}
    for each in found.weights:
        for side, is_held_out in ((each.measured.trained, False), (each.measured.held_out, True)):
            event = told[each.step, is_held_out]
            assert side.loss == pytest.approx(event.loss, rel=1e-4)
            assert side.bands == pytest.approx(event.bands, rel=1e-4)
            means = {name: sum(bands) / 4 for name, bands in side.subsets.items()}
            assert means == pytest.approx(event.subsets, rel=1e-4)
    best = min(found.weights, key=lambda each: each.measured.held_out.loss)
    assert found.best.path == best.path
    assert json.loads((run.path / "judgement.json").read_text())["images"] == 4


def test_weights_that_are_gone_or_broken_are_named(make_run, work, capsys, monkeypatch) -> None:
    run = make_run(*RUN[:2])
    assert work(run) == 0
    first, second, *_ = sorted(run.output_dir.glob("*-step*"))
    first.unlink()
    second.write_bytes(b"nothing")
    capsys.readouterr()
    monkeypatch.setattr(judging, "run_program", in_process(capsys, []))
    found = judging.judge_weights(run, 2, 0, lambda *_: None, lambda *_: None)
    by_name = {Path(each.path).name: each for each in found.weights}
    assert by_name[first.name].failed == "the file is gone"
    assert "no readable safetensors file" in by_name[second.name].failed
    assert by_name["tiny.safetensors"].measured.trained.images == 2


def test_a_sample_that_is_a_training_image_is_named(make_run, freeze) -> None:
    """B21: also mirrored, at another size and quality; an unlike one is not."""
    run = make_run()
    run.samples_dir.mkdir(exist_ok=True)
    folder = Path(run.info().manifest).parent / "pictures"
    with Image.open(folder / "03.png") as picture:
        turned = picture.convert("RGB").transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((64, 128))
    turned.save(run.samples_dir / "step-00000001-00.png")
    shutil.copy(folder / "05.png", run.samples_dir / "step-00000001-01.png")
    blocks = np.kron(np.random.default_rng(3).integers(0, 255, (6, 6)), np.ones((10, 10)))
    Image.fromarray(blocks.astype(np.uint8)).save(run.samples_dir / "step-00000001-02.png")
    lines = [
        to_line(SampleMade(1.0, 1, f"samples/step-00000001-{index:02}.png", "a [b]cat[/b]", index))
        for index in range(4)  # the last is gone
    ]
    run.events_path.write_text("".join(f"{line}\n" for line in lines))
    mirrored, same, unlike = nearest_images(run, None, lambda *_: None)
    assert (Path(mirrored.nearest).name, mirrored.mirrored) == ("03.png", True)
    assert mirrored.distance <= 6
    assert (Path(same.nearest).name, same.distance, same.mirrored) == ("05.png", 0, False)
    assert unlike.distance > 6
