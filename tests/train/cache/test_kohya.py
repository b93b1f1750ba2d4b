"""Latents of sd-scripts beside images: read where they agree, told and encoded anew where not (B05)."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest
import torch

from curator.contract.buckets import BucketRule
from curator.contract.manifest.manifest import open_manifest
from train.cache.store import MemoryStore
from train.data.dataset import pictures_of
from train.data.kept_latents import KeptLatents
from train.data.kohya_latents import KohyaLatents
from train.data.latent_keys import LatentKeys
from train.families.load import load_family

SIZE = (64, 96)
RULE = BucketRule(*SIZE, min_side=32, max_side=128, step=32)
RNG = np.random.default_rng(5)
LATENTS = RNG.standard_normal((4, 12, 8)).astype(np.float32)
ABOUT = {"original_size": np.array(SIZE), "crop_ltrb": np.array([0, 0, 64, 96])}


def old(latents=LATENTS, **more) -> dict[str, np.ndarray]:
    return {"latents": latents, "latents_flipped": latents[:, :, ::-1], **ABOUT, **more}


def new(latents=LATENTS) -> dict[str, np.ndarray]:
    return {f"{key}_12x8": value for key, value in old(latents).items()}


@pytest.fixture
def taken(freeze, frozen, tiny_of, tmp_path) -> Callable[..., tuple]:
    """What is kept of one image of 64 x 96 beside files, and what is told."""

    def take(
        files: dict[str, dict | bytes], *, flip: bool = True, family: str = "sd1", aged: int = 0, **more
    ):
        pictures = freeze(frozen(sizes=(SIZE,), flip=flip, rule=RULE, **more))
        for name, arrays in files.items():
            path = pictures.folder / name
            if isinstance(arrays, bytes):
                path.write_bytes(arrays)
            else:
                np.savez(path, **arrays)
            stamp = (pictures.folder / "00.png").stat().st_mtime_ns + aged
            os.utime(path, ns=(stamp, stamp))
        told: list[str] = []
        kept = KeptLatents(MemoryStore(), LatentKeys())
        loaded = load_family(str(tiny_of(family)))
        taker = KohyaLatents(loaded, kept, None, lambda what, _: told.append(what))
        with open_manifest(pictures.manifest) as manifest:
            (picture,) = pictures_of(manifest, 0, 1)
            taker.take([picture], lambda _: True)
            return [kept.find(picture, flip=each) for each in (False, True)], told

    return take


@pytest.mark.parametrize(
    "files",
    [
        {"00.npz": old()},
        {"00_0064x0096_sd.npz": new()},
        {"00_0064x0096_sd.npz": old()},
        {"00_0064x0096_sd.npz": new(), "00_0064x0096_sdxl.npz": new(2 * LATENTS)},
        {"00.npz": old(LATENTS[:, :8]), "00_0064x0096_sd.npz": new()},
    ],
    ids=["old", "new keys", "old keys", "a sibling of SDXL", "a plain one of another size"],
)
def test_what_agrees_is_read(taken, files) -> None:
    (plain, mirrored), told = taken(files)
    assert torch.equal(plain[0][0], torch.from_numpy(LATENTS))
    assert torch.equal(mirrored[0][0], torch.from_numpy(LATENTS[:, :, ::-1].copy()))
    assert (plain[0][1] == -30).all()
    assert any("a sample each, no distribution" in what for what in told)


def test_a_family_reads_its_own(taken) -> None:
    files = {"00_0064x0096_sd.npz": new(), "00_0064x0096_sdxl.npz": new(2 * LATENTS)}
    (plain, _), _ = taken(files, family="sdxl")
    assert torch.equal(plain[0][0], torch.from_numpy(2 * LATENTS))
    (plain, _), _ = taken(files | {"00_0064x0096_sd.npz": b"x"}, family="sd1")
    assert plain is None


def nan() -> np.ndarray:
    broken = LATENTS.copy()
    broken[1, 2, 3] = np.nan
    return broken


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        (old(LATENTS[:, :8]), "of another size"),
        (old(np.zeros((4, 120, 80), np.float32)), "of another size"),
        ({key: value for key, value in old().items() if "flipped" not in key}, "without its mirror image"),
        (old(nan()), "has numbers that are none"),
        (old(original_size=np.array([96, 64])), "of an image of another size"),
        ({"latents_8x12": LATENTS}, "of another size"),
        (b"PK no npz", "damaged"),
        (b"", "damaged"),
    ],
    ids=["size", "large", "no mirror", "NaN", "other image", "other keys", "noise", "empty"],
)
def test_what_does_not_is_told_and_passed_over(taken, arrays, reason) -> None:
    found, told = taken({"00.npz": arrays})
    assert found == [None, None]
    assert told == [f"1 .npz file is not read: {reason} (00.npz)"]


def test_without_a_mirror_what_shows_none_is_read(taken) -> None:
    arrays = {key: value for key, value in old().items() if "flipped" not in key}
    (plain, _), _ = taken({"00.npz": arrays}, flip=False)
    assert torch.equal(plain[0][0], torch.from_numpy(LATENTS))


def test_what_is_older_than_the_image_is_passed_over(taken) -> None:
    found, told = taken({"00.npz": old()}, aged=-(10**9))
    assert found == [None, None]
    assert told == ["1 .npz file is not read: older than the image (00.npz)"]


def test_an_image_with_a_mask_is_not_read_so(taken) -> None:
    assert taken({"00.npz": old()}, mask="alpha") == ([None, None], [])


def test_latents_far_from_the_vaes_are_told(taken) -> None:
    _, told = taken({"00.npz": old(50 * LATENTS)})
    assert "may be of another VAE" in told[0]


@pytest.mark.parametrize("cache", ["memory", "disk"])
def test_a_run_trains_from_them(make_run, work, came_to, encoded, told, frozen, tmp_path, cache) -> None:
    """The rest is encoded; another run finds them, and a changed file is another."""
    sets = ("length.steps=3", "evaluate.validation_images=0", f"cache.latents={cache}")
    data = frozen(sizes=((64, 64), (64, 64), (64, 64)))
    latents = RNG.standard_normal((4, 8, 8)).astype(np.float32)
    runs = [make_run(*sets, frozen=data, name="plain")]
    assert work(runs[0]) == 0
    path = tmp_path / "pictures" / "01.npz"
    np.savez(path, latents=latents, latents_flipped=latents[:, :, ::-1])
    counts = []
    for name in ("kohya", "again", "changed"):
        if name == "changed":
            np.savez(path, latents=2 * latents, latents_flipped=latents[:, :, ::-1])
        runs.append(make_run(*sets, "cache.kohya_npz=true", frozen=data, name=name))
        for each, stamp in ((tmp_path / "pictures/01.png", 10**18), (path, 10**18 + 1 + (name == "changed"))):
            os.utime(each, ns=(stamp, stamp))
        encoded.taken()
        assert work(runs[-1]) == 0
        counts.append(encoded.taken()[0])
    found = [came_to(run)[1] for run in runs]
    assert found[0] != found[1] == found[2] != found[3]
    if cache == "disk":
        assert counts[1] == 0
    assert any("latents of 1 image are read" in what for what in told(runs[1]))
