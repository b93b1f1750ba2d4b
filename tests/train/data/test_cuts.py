"""How images are scaled and cut in training, and what SDXL is told of it (S036, S039, S040)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from curator.contract.buckets import RESAMPLES, Placement
from curator.contract.crops import corner_told, crop_of
from curator.contract.manifest.manifest import open_manifest
from curator.contract.run.events import StepDone, Warned
from curator.contract.run.stop_signals import StopSignals
from train.cache.store import MemoryStore
from train.data.batches import Share
from train.data.dataset import picture_of
from train.data.encoding import Encoder
from train.data.images import Cut, PictureFile, load_sample, scaled, to_model_range
from train.data.kept_latents import KeptLatents
from train.data.latent_keys import LatentKeys
from train.data.latents import Latents, encode, moments_of
from train.data.quarantine import Quarantine
from train.families.load import load_family
from train.prepare.job import prepare
from train.report import Reporter

SIZES = ((120, 60), (64, 64), (90, 61), (131, 65), (66, 130), (100, 100))


def random_cuts(frozen, **more):
    return frozen(sizes=SIZES, crop="random", **more)


def job_of(run):
    return prepare(run, lambda _: Reporter(None), StopSignals())


def noise_picture(size: tuple[int, int]) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("resample", "smaller", "larger"),
    [
        ("auto", Image.Resampling.BOX, Image.Resampling.LANCZOS),
        ("area", Image.Resampling.BOX, Image.Resampling.BOX),
        ("lanczos", Image.Resampling.LANCZOS, Image.Resampling.LANCZOS),
        ("bicubic", Image.Resampling.BICUBIC, Image.Resampling.BICUBIC),
        ("bilinear", Image.Resampling.BILINEAR, Image.Resampling.BILINEAR),
        ("nearest", Image.Resampling.NEAREST, Image.Resampling.NEAREST),
    ],
)
def test_pictures_are_scaled_as_the_rule_says(resample, smaller, larger) -> None:
    """S036: "auto" averages areas where no side grows, else it is Lanczos; the same size is left alone."""
    picture = noise_picture((40, 30))
    for size, kernel in (((24, 16), smaller), ((40, 16), smaller), ((64, 48), larger), ((41, 30), larger)):
        assert scaled(picture, size, resample).tobytes() == picture.resize(size, kernel).tobytes()
    assert scaled(picture, (40, 30), resample) is picture


def test_every_resampling_reaches_what_is_trained(freeze, frozen) -> None:
    """From the manifest's rule to the pixels, of an image that shrinks and of one that grows."""
    seen = {}
    for resample in RESAMPLES:
        pictures = freeze(
            frozen(sizes=((130, 130), (40, 40)), rule=replace(frozen().rule, resample=resample))
        )
        with open_manifest(pictures.manifest) as manifest:
            looks = [picture_of(manifest, row) for row in (0, 1)]
            seen[resample] = [load_sample(each.file, each.plain_cut()).pixels for each in looks]
    for which, like, kinds in ((0, "area", 5), (1, "lanczos", 4)):  # enlarging, area is nearest
        assert torch.equal(seen["auto"][which], seen[like][which])
        assert len({look[which].numpy().tobytes() for look in seen.values()}) == kinds


def test_a_cut_is_taken_before_the_mirror(tmp_path: Path) -> None:
    picture = noise_picture((24, 16))
    path = tmp_path / "a.png"
    picture.save(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    file = PictureFile(path, digest, Placement((16, 16), (24, 16), (4, 0, 20, 16)))
    whole = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    for left in (0, 3, 8):
        plain, mirrored = (
            load_sample(file, Cut((left, 0, left + 16, 16), flip)).pixels for flip in (False, True)
        )
        assert torch.equal(plain, whole[:, :, left : left + 16])
        assert torch.equal(mirrored, plain.flip(-1))


def test_random_cuts_of_a_training_are_the_contracts(make_run, tiny_sdxl, frozen) -> None:
    """Drawn for each sample, kept latents or not; the numbers SDXL is told follow the cut, mirrored too."""
    data = random_cuts(frozen)
    run = make_run(f"model.path={tiny_sdxl}", "length.epochs=8", frozen=data)
    job = job_of(run)
    cuts: dict[int, set] = {}
    for batch in job.data.reader.batches(0, job.data.plan.total_steps):
        for item in batch.items:
            image = job.data.manifest.image(item.shown.row)
            box = crop_of(image.placement, "random", job.recipe.seed, item.sample)
            assert item.cut.box == box
            corner = corner_told(image.size, image.placement, box, "true", flip=item.cut.flip)
            assert item.framing.numbers[2:4] == corner[::-1]
            can_move = image.placement.resized != image.placement.bucket
            assert (item.loaded is not None) == can_move
            if can_move:
                cuts.setdefault(item.shown.row, set()).add(box)
                file = file_in(job, item.shown.row)
                assert torch.equal(item.loaded.pixels, load_sample(file, item.cut).pixels)
    assert len(cuts) == 4
    assert all(len(boxes) > 3 for boxes in cuts.values())


def file_in(job, row: int) -> PictureFile:
    image = job.data.manifest.image(row)
    return PictureFile(job.data.manifest.file_of(image), image.sha256, image.placement)


def test_letterbox_numbers_reach_sdxl(make_run, tiny_sdxl, frozen) -> None:
    """As sd-scripts has them, wherever the cut is; and back at "true" for the same manifest otherwise."""
    data = random_cuts(frozen, rule=replace(frozen().rule, crop_inputs="letterbox"))
    job = job_of(make_run(f"model.path={tiny_sdxl}", "length.epochs=4", frozen=data))
    told = set()
    for batch in job.data.reader.batches(0, job.data.plan.total_steps):
        for item in batch.items:
            image = job.data.manifest.image(item.shown.row)
            corner = corner_told(image.size, image.placement, (0, 0, 0, 0), "letterbox", flip=item.cut.flip)
            assert item.framing.corner == corner
            assert item.framing.numbers[4:] == image.placement.bucket[::-1]
            told.add(corner)
    assert len(told) > 2


def test_a_picture_that_may_move_is_never_kept(freeze, frozen, tiny_model) -> None:
    """S040: one that fits its bucket exactly is, whatever its subset says."""
    family = load_family(str(tiny_model))
    with open_manifest(freeze(random_cuts(frozen)).manifest) as manifest:
        done: list[int] = []
        kept = kept_of(family, manifest, done.append)
        fixed = {row for row in range(len(manifest)) if picture_of(manifest, row).is_fixed}
        assert {
            row for row in range(len(manifest)) if kept.find(picture_of(manifest, row), flip=False)
        } == fixed
        assert 0 < len(fixed) < len(manifest)
        assert done[-1] == len(manifest)
        assert done == sorted(done)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_cache_changes_no_bit_of_a_run_with_random_cuts(
    make_run, work, events_of, frozen, workers
) -> None:
    runs = []
    for cache in ("memory", "off"):
        sets = (f"cache.latents={cache}", f"loader.workers={workers}", "length.steps=5", "batch.size=3")
        runs.append(make_run(*sets, frozen=random_cuts(frozen), name=cache))
        assert work(runs[-1]) == 0
    losses = [[e.loss for e in events_of(run) if isinstance(e, StepDone)] for run in runs]
    assert losses[0] == losses[1]
    warned = [[e.what for e in events_of(run) if isinstance(e, Warned)] for run in runs]
    assert any("cut at random" in what for what in warned[0])
    assert warned[1] == []


def test_another_cut_trains_something_else(make_run, work, events_of, frozen) -> None:
    losses = []
    for crop in ("center", "random", "face"):
        run = make_run("length.steps=3", frozen=frozen(sizes=((120, 60), (131, 65)), crop=crop), name=crop)
        assert work(run) == 0
        losses.append([event.loss for event in events_of(run) if isinstance(event, StepDone)])
    assert losses[0] == losses[2] != losses[1]


def test_live_and_kept_pictures_stand_in_one_batch(freeze, frozen, tiny_model) -> None:
    """The order of a mixed batch is that of its items."""
    family = load_family(str(tiny_model))
    with open_manifest(freeze(frozen(sizes=((64, 64),) * 3)).manifest) as manifest:
        seen = [
            load_sample(picture_of(manifest, row).file, picture_of(manifest, row).plain_cut())
            for row in range(3)
        ]
        both = [encode(family, to_model_range(each.pixels)[None]) for each in seen]
        entry = kept_of(family, manifest).find(picture_of(manifest, 1), flip=False)
        items = [
            _item(row, None if row == 1 else seen[row], entry if row == 1 else None) for row in (2, 1, 0)
        ]
        inputs = Latents(family).of(items)
        moments = moments_of(family, inputs)
    assert inputs.mask is None
    assert inputs.shape == moments.mean.shape[1:]
    assert torch.equal(moments.mean, torch.cat([both[row].mean for row in (2, 1, 0)]))
    assert torch.equal(moments.logvar, torch.cat([both[row].logvar for row in (2, 1, 0)]))


def kept_of(family, manifest, progress=lambda _: None) -> KeptLatents:
    kept = KeptLatents(MemoryStore(), LatentKeys())
    encoder = Encoder(family, kept, Quarantine(manifest.spans), Share(), lambda part: part)
    encoder.encode_missing(manifest, progress)
    return kept


def _item(row: int, seen, kept):
    from curator.contract.epoch_plan import Sample
    from train.data.batches import Item
    from train.families.conditioning import whole

    sample = Sample(0, row, 0)
    return Item(sample, sample, "", Cut((0, 0, 64, 64), False), whole((64, 64)), "", 1.0, False, seen, kept)
