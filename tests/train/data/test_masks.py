"""Masks say where the loss of an image counts; regularisation images are weighed and told apart (S045)."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from curator.contract.buckets import Placement
from curator.contract.manifest.manifest import open_manifest
from curator.contract.run.events import Evaluated, ImageQuarantined, StepDone, Warned
from curator.contract.run.stop_signals import StopSignals
from train.data.images import BadPictureError, Cut, PictureFile, load_sample
from train.data.survey import CountedManifest
from train.objective.loss import sample_losses
from train.prepare.job import prepare
from train.report import Reporter

WHOLE = Placement((64, 64), (64, 64), (0, 0, 64, 64))
SQUARES = ((64, 64),) * 4


def file_of(path: Path, mask: str, placement: Placement = WHOLE) -> PictureFile:
    return PictureFile(path, hashlib.sha256(path.read_bytes()).hexdigest(), placement, mask=mask)


def mask_of(file: PictureFile, flip: bool = False) -> torch.Tensor | None:
    return load_sample(file, Cut(file.placement.crop, flip)).mask


def half(size: tuple[int, int], left: int, right: int) -> Image.Image:
    """Grey, of one brightness on the left and of another on the right."""
    values = np.full((size[1], size[0]), right, dtype=np.uint8)
    values[:, : size[0] // 2] = left
    return Image.fromarray(values)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.new("RGB", (64, 64), (200, 30, 30)).save(path)
    return path


@pytest.mark.parametrize("name", ["a-mask.png", "a-masklabel.png"])
def test_a_mask_file_stands_beside_its_picture(picture: Path, name: str) -> None:
    """Its first channel, 0..1, averaged over each 8x8 pixels; mirrored with the image."""
    assert mask_of(file_of(picture, "file")) is None
    half((64, 64), 0, 255).save(picture.with_name(name))
    wanted = torch.zeros(8, 8)
    wanted[:, 4:] = 1.0
    assert torch.equal(mask_of(file_of(picture, "file")), wanted)
    assert torch.equal(mask_of(file_of(picture, "file"), flip=True), wanted.flip(-1))
    assert mask_of(file_of(picture, "none")) is None
    assert mask_of(file_of(picture, "alpha")) is None


def test_a_mask_is_scaled_and_cut_as_its_picture(picture: Path) -> None:
    """Also one of another size: its parts are those of the image."""
    placement = Placement((64, 64), (128, 64), (32, 0, 96, 64))
    for size in ((64, 64), (256, 32)):
        half(size, 255, 51).save(picture.with_name("a-mask.png"))
        mask = mask_of(file_of(picture, "file", placement))
        assert mask is not None
        assert mask.shape == (8, 8)
        assert torch.allclose(mask[:, 0], torch.tensor(1.0), atol=0.05)
        assert torch.allclose(mask[:, -1], torch.tensor(0.2), atol=0.05)
        beside = load_sample(file_of(picture, "file", placement), Cut((64, 0, 128, 64), False)).mask
        assert torch.allclose(beside[:, 1:], torch.tensor(0.2), atol=0.02)


def test_kinds_of_mask_files(picture: Path) -> None:
    """The red channel of colour, palettes, one bit, 16 bits; transparency of a mask means nothing."""
    mask = picture.with_name("a-mask.png")
    red = Image.new("RGB", (64, 64), (51, 255, 255))
    clear = Image.new("RGBA", (64, 64), (51, 9, 9, 0))
    deep = Image.fromarray(np.full((64, 64), 13107, dtype=np.uint16))
    for each in (red, red.convert("P", palette=Image.Palette.ADAPTIVE), clear, deep):
        each.save(mask)
        assert torch.allclose(mask_of(file_of(picture, "file")), torch.tensor(0.2), atol=1e-3)
    Image.new("1", (64, 64), 1).save(mask)
    assert torch.equal(mask_of(file_of(picture, "file")), torch.ones(8, 8))
    mask.write_bytes(b"no image")
    with pytest.raises(BadPictureError, match=r"its mask a-mask\.png cannot be read"):
        mask_of(file_of(picture, "file"))


def test_transparency_is_a_mask_and_still_lies_on_white(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    layer = Image.new("RGB", (64, 64), (10, 20, 30))
    layer.putalpha(half((64, 64), 0, 255))
    layer.save(path)
    seen = load_sample(file_of(path, "alpha"), Cut((0, 0, 64, 64), False))
    assert seen.pixels[:, 0, 0].tolist() == [255, 255, 255]
    assert seen.pixels[:, 0, -1].tolist() == [10, 20, 30]
    assert seen.mask[0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    layer.convert("RGB").save(path)
    assert mask_of(file_of(path, "alpha")) is None


def test_the_mask_multiplies_the_error_before_the_mean() -> None:
    """kohya: loss * mask, then the mean over all elements; the floor is the least a place counts."""
    predicted, target = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    mask = torch.rand(2, 1, 8, 8)
    errors = (predicted - target).square()
    assert torch.allclose(sample_losses(predicted, target, mask), (errors * mask).mean(dim=(1, 2, 3)))
    floored = torch.where(mask < 0.3, torch.tensor(0.3), mask)
    assert torch.allclose(sample_losses(predicted, target, mask, 0.3), (errors * floored).mean(dim=(1, 2, 3)))
    assert torch.equal(
        sample_losses(predicted, target, torch.ones_like(mask)), sample_losses(predicted, target)
    )
    assert torch.equal(sample_losses(predicted, target, mask, 1.0), sample_losses(predicted, target))


def job_of(run):
    return prepare(run, lambda _: Reporter(None), StopSignals())


def test_what_lies_outside_a_mask_teaches_nothing(make_run, frozen) -> None:
    """The gradient of a masked error is that of the masked-in part alone: nothing outside is pulled at."""
    job = job_of(
        make_run("batch.size=4", frozen=frozen(sizes=SQUARES, mask="alpha", clear=(0, 1, 2, 3), flip=False))
    )
    heard: list[torch.Tensor] = []
    honest = job.stepper.family.unet.forward

    def listening(*args, **options):
        out = honest(*args, **options)
        out.sample.register_hook(heard.append)
        return out

    job.stepper.family.unet.forward = listening
    job.stepper.gradients(next(job.data.feed.batches(0, 1)))
    assert heard[0].shape == (4, 4, 8, 8)
    assert not heard[0][..., :4].any()
    assert heard[0][..., 4:].all()


def losses_of(events) -> list[float]:
    return [event.loss for event in events if isinstance(event, StepDone)]


def evaluations(events) -> list[float]:
    return [event.loss for event in events if isinstance(event, Evaluated)]


@pytest.mark.parametrize("cache", ["memory", "off"])
def test_a_run_with_masks(make_run, work, events_of, frozen, cache) -> None:
    """Training and evaluation count less; in training a floor brings some of it back, and one of 1 all."""
    sets = (f"cache.latents={cache}", "length.steps=3", "evaluate.images=2")
    clear = {"sizes": SQUARES, "clear": (0, 1, 2)}
    found = []
    for name, mask, floor in (
        ("none", "none", 0.0),
        ("alpha", "alpha", 0.0),
        ("floor", "alpha", 0.5),
        ("one", "alpha", 1.0),
    ):
        run = make_run(*sets, f"objective.mask_floor={floor}", frozen=frozen(mask=mask, **clear), name=name)
        assert work(run) == 0
        found.append((losses_of(events_of(run))[0], evaluations(events_of(run))[0]))
    none, alpha, floor, one = found
    assert alpha[0] < floor[0] < none[0]
    assert one[0] == none[0]
    assert alpha[1] == floor[1] == one[1] < none[1]


def test_the_cache_keeps_masks_bit_for_bit(make_run, work, events_of, frozen) -> None:
    data = frozen(sizes=((64, 64), (90, 61), (120, 60), (70, 70)), mask="alpha", clear=(0, 1, 3))
    losses = []
    for cache in ("memory", "off"):
        run = make_run(f"cache.latents={cache}", "length.epochs=2", frozen=data, name=cache)
        assert work(run) == 0
        losses.append(losses_of(events_of(run)))
    assert losses[0] == losses[1]


def test_mask_files_in_a_run_are_counted_and_a_broken_one_is_quarantined(
    make_run, work, events_of, frozen
) -> None:
    run = make_run("length.epochs=1", frozen=frozen(mask="file"))
    folder = run.path.parents[1] / "pictures"
    for name in ("00", "01"):
        half((64, 64), 0, 255).save(folder / f"{name}-mask.png")
    (folder / "02-mask.png").write_bytes(b"broken")
    assert work(run) == 0
    (named,) = [event for event in events_of(run) if isinstance(event, ImageQuarantined)]
    assert named.path == "02.png"
    assert "02-mask.png" in named.reason
    assert any(
        "all: 3 of 9 images have a mask file" in e.what for e in events_of(run) if isinstance(e, Warned)
    )


def test_masks_changed_before_a_resume_are_refused(make_run, work, events_of, frozen, capsys) -> None:
    """S079: it would not be the same run."""
    run = make_run("length.steps=2", frozen=frozen(mask="file"))
    mask = run.path.parents[1] / "pictures" / "00-mask.png"
    half((64, 64), 0, 255).save(mask)
    assert work(run) == 0
    (run.path / "exit.json").unlink()
    mask.unlink()
    assert work(run) == 3
    assert "mask files beside the images are not what the run was started with" in capsys.readouterr().err


def test_a_floor_without_masks_is_said(make_run, work, events_of) -> None:
    run = make_run("objective.mask_floor=0.2", "length.steps=1")
    assert work(run) == 0
    assert any("mask_floor has no effect" in e.what for e in events_of(run) if isinstance(e, Warned))


def test_regularisation_pictures_weigh_what_they_are_told_to(make_run, frozen) -> None:
    """S045: the prior loss weight scales their loss alone, and their mean is told apart."""
    found = {}
    for weight in (1.0, 0.25, 0.0):
        data = frozen(sizes=SQUARES, regs=(1, 3), reg_weight=weight)
        job = job_of(make_run("batch.size=4", frozen=data))
        found[weight] = job.stepper.gradients(next(job.data.feed.batches(0, 1))).outcome()
    train = (found[1.0].loss * 4 - found[1.0].reg_loss * 2) / 4
    for weight, losses in found.items():
        assert losses.reg_loss == pytest.approx(found[1.0].reg_loss * weight, rel=1e-5)
        assert losses.loss == pytest.approx(train + losses.reg_loss * 2 / 4, rel=1e-5)


def test_regularisation_is_told_in_events_and_in_the_file(make_run, work, events_of, frozen) -> None:
    """A step without such images says nothing of them; a set without any has no such number at all."""
    from train.weights.lora_file import read_lora

    run = make_run("length.epochs=1", "batch.size=1", frozen=frozen(sizes=SQUARES, regs=(1,), repeats=2.0))
    assert work(run) == 0
    steps = [event for event in events_of(run) if isinstance(event, StepDone)]
    assert [event.reg_loss == event.loss for event in steps if event.reg_loss is not None] == [True, True]
    assert len(steps) == 8
    _, metadata = read_lora(run.output_dir / "tiny.safetensors")
    assert (metadata["ss_num_train_images"], metadata["ss_num_reg_images"]) == ("6", "2")
    plain = make_run("length.steps=1", name="plain")
    assert work(plain) == 0
    assert all(event.reg_loss is None for event in events_of(plain) if isinstance(event, StepDone))


def test_only_mask_files_are_looked_for_that_the_manifest_asks_for(freeze, frozen) -> None:
    pictures = freeze(frozen())
    half((64, 64), 0, 255).save(pictures.folder / "00-mask.png")
    digests = []
    for mask in ("none", "alpha", "file"):
        with open_manifest(freeze(frozen(mask=mask)).manifest) as manifest:
            counted = CountedManifest(manifest, weighted_captions=False)
            assert len(list(counted.images())) == 9
            survey = counted.survey()
        assert survey.masks == [int(mask == "file")]
        digests.append(survey.masks_digest)
    assert digests[0] == digests[1] == ""
    assert digests[2]
