"""From files to batches: decoding, placement, flips, quarantine, readers (S017, S018, S037, S039, S043, S045)."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from curator.contract.buckets import Placement
from curator.contract.caption.captions import CaptionRules
from curator.contract.epoch_plan import EpochPlan, Span
from curator.contract.errors import UserError
from curator.contract.flatten import flattened
from curator.contract.manifest.manifest import open_manifest
from curator.contract.run.events import ImageQuarantined, RunFailed, StepDone
from tests.flat_pictures import KINDS, SIZE, saved, scene
from train.cache.store import MemoryStore
from train.data.batches import BatchReader, Share
from train.data.dataset import evenly_spread, picture_of
from train.data.encoding import Encoder
from train.data.images import BadPictureError, Cut, PictureFile, load_sample, to_model_range
from train.data.kept_latents import KeptLatents
from train.data.latent_keys import LatentKeys
from train.data.latents import encode
from train.data.quarantine import Quarantine
from train.data.read_ahead import read_ahead
from train.families.load import load_family

ALONE = Share()
WHOLE = Placement((8, 8), (8, 8), (0, 0, 8, 8))


def file_of(path: Path, placement: Placement = WHOLE) -> PictureFile:
    return PictureFile(path, hashlib.sha256(path.read_bytes()).hexdigest(), placement)


def pixels_of(file: PictureFile, flip: bool = False) -> torch.Tensor:
    return load_sample(file, Cut(file.placement.crop, flip)).pixels


def colour_at(picture: Image.Image, x: int = 0, y: int = 0) -> tuple[int, ...]:
    return picture.getpixel((x, y))


def reopened(picture: Image.Image, format: str, **options) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return flattened(Image.open(buffer))


def test_every_kind_of_picture_becomes_rgb_on_white() -> None:
    """S043: alpha on white, palette, CMYK, 16-bit grey, EXIF turn, first frame."""
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert colour_at(reopened(clear, "PNG")) == (255, 255, 255)
    half = Image.new("RGBA", (8, 8), (0, 0, 0, 128))
    assert colour_at(reopened(half, "PNG")) == (127, 127, 127)
    palette = Image.new("RGB", (8, 8), (10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE)
    palette.info["transparency"] = 200
    assert colour_at(reopened(palette, "PNG")) == (10, 200, 30)
    assert colour_at(reopened(Image.new("LA", (8, 8), (7, 255)), "PNG")) == (7, 7, 7)
    assert max(colour_at(reopened(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))) > 200
    deep = Image.fromarray(np.full((8, 8), 32896, dtype=np.uint16))
    assert colour_at(reopened(deep, "PNG")) == (128, 128, 128)
    assert colour_at(reopened(Image.new("1", (8, 8), 1), "PNG")) == (255, 255, 255)
    turned = Image.new("RGB", (8, 4), (0, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert reopened(turned, "JPEG", exif=exif).size == (4, 8)
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    assert colour_at(reopened(frames[0], "GIF", save_all=True, append_images=frames[1:])) == (255, 0, 0)


def test_shrinking_averages_areas_and_the_crop_is_the_manifests(tmp_path: Path) -> None:
    """S036: 16x32 of alternating black and white halves to grey, then the crop box is cut."""
    pixels = np.zeros((32, 16, 3), dtype=np.uint8)
    pixels[:, ::2] = 255
    pixels[:16] = (0, 0, 255)
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    got = pixels_of(file_of(path, Placement((8, 8), (8, 16), (0, 8, 8, 16))))
    assert got.shape == (3, 8, 8)
    assert set(got.unique().tolist()) <= {127, 128}
    other = pixels_of(file_of(path, Placement((8, 8), (8, 16), (0, 0, 8, 8))))
    assert other[:, 0, 0].tolist() == [0, 0, 255]


def test_changed_gone_and_broken_files(tmp_path: Path) -> None:
    """Changed bytes are the user's to mend; bytes that agree but make no image are a bad image."""
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(path)
    file = file_of(path)
    data = path.read_bytes()
    path.write_bytes(data + b"x")
    with pytest.raises(UserError, match="changed since the freeze"):
        pixels_of(file)
    path.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        pixels_of(file)
    path.write_bytes(data[: len(data) - 30])
    with pytest.raises(BadPictureError):
        pixels_of(file_of(path))


def kept_of(family, manifest, quarantine, workers=0, progress=lambda _: None) -> tuple[KeptLatents, int]:
    kept = KeptLatents(MemoryStore(), LatentKeys())
    encoder = Encoder(family, kept, quarantine, ALONE, lambda part: part, workers)
    return kept, encoder.encode_missing(manifest, progress)


def reader_of(manifest, workers: int, share: Share = ALONE, batch: int = 2) -> BatchReader:
    plan = EpochPlan(manifest.spans, batch, seed=9)
    return BatchReader(
        manifest, plan=plan, quarantine=Quarantine(manifest.spans), share=share, workers=workers
    )


def seen(batches) -> list[tuple]:
    return [
        (
            batch.step,
            item.sample,
            item.caption,
            item.cut,
            hashlib.sha256(item.loaded.pixels.numpy().tobytes()).hexdigest(),
        )
        for batch in batches
        for item in batch.items
    ]


def test_any_number_of_readers_gives_the_same_batches(freeze) -> None:
    """S037: order, captions, flips and pixels; also when reading starts in the middle."""
    with open_manifest(freeze().manifest) as manifest:
        alone = seen(reader_of(manifest, 0).batches(0, 14))
        assert (
            alone
            == seen(reader_of(manifest, 1).batches(0, 14))
            == seen(reader_of(manifest, 3).batches(0, 14))
        )
        middle = seen(reader_of(manifest, 2).batches(5, 14))
        assert middle == [entry for entry in alone if entry[0] >= 5]


def test_shares_of_processes_make_up_the_batch(freeze) -> None:
    """S058: ranks get one bucket, disjoint samples, all of them, also of a short batch."""
    with open_manifest(freeze().manifest) as manifest:
        whole = list(reader_of(manifest, 0, batch=4).batches(0, 6))
        parts = [list(reader_of(manifest, 0, Share(rank, 3), batch=4).batches(0, 6)) for rank in range(3)]
    for step, batch in enumerate(whole):
        joined = [item.sample for part in parts for item in part[step].items]
        assert joined == [item.sample for item in batch.items]
        assert all(part[step].total == batch.total == len(batch.items) for part in parts)


def test_captions_change_with_the_epoch_and_not_with_time(freeze, frozen) -> None:
    """S017, S018: the head never moves; another epoch draws another order; a second look draws the same."""
    rules = CaptionRules(shuffle=True, keep_tags=1)
    with open_manifest(freeze(frozen(rules=rules)).manifest) as manifest:
        reader = reader_of(manifest, 0)
        items = [item for batch in reader.batches(0, 60) for item in batch.items]
    by_row: dict[int, set[str]] = {}
    for item in items:
        by_row.setdefault(item.sample.row, set()).add(item.caption)
    assert all(len({caption.split(", ")[0] for caption in captions}) == 1 for captions in by_row.values())
    assert max(len(captions) for captions in by_row.values()) > 2
    assert {item.cut.flip for item in items} == {False, True}


def test_bad_pictures_are_replaced_by_the_next_of_their_bucket(freeze, frozen) -> None:
    """B08: the stand-in depends on the files alone: with and without readers, early or late."""
    pictures = freeze(frozen(sizes=((64, 64),) * 6, broken=(2,)))
    with open_manifest(pictures.manifest) as manifest:
        batches = list(reader_of(manifest, 2).batches(0, 6))
        later = list(reader_of(manifest, 0).batches(3, 6))
        items = {item.sample: item for batch in batches for item in batch.items}
        assert {(s.row, item.shown.row) for s, item in items.items() if s.row != item.shown.row} == {(2, 3)}
        stand_in = next(item for item in items.values() if item.sample.row == 2)
        assert stand_in.caption.startswith("number 3")
    assert all(items[item.sample].shown == item.shown for batch in later for item in batch.items)


@pytest.mark.parametrize("cache", ["memory", "off"])
def test_a_run_goes_on_without_a_bad_picture(make_run, work, events_of, frozen, cache) -> None:
    """B08: it is named once; the weights are the same with and without the cache."""
    run = make_run(f"cache.latents={cache}", "length.epochs=2", frozen=frozen(broken=(3,)))
    assert work(run) == 0
    events = events_of(run)
    (named,) = [event for event in events if isinstance(event, ImageQuarantined)]
    assert named.path == "03.png"
    assert sum(event.images for event in events if isinstance(event, StepDone)) == 18


def test_a_run_stops_when_too_many_are_bad(make_run, work, events_of, frozen) -> None:
    run = make_run(frozen=frozen(broken=(3, 5)))
    assert work(run) == 3
    (failed,) = [event for event in events_of(run) if isinstance(event, RunFailed)]
    assert failed.what.startswith("2 images cannot be used")


def test_who_stands_in_when_a_bucket_is_empty() -> None:
    """The next bucket; only a manifest without any good image is an error."""
    quarantine = Quarantine([Span(0, 1.0, 0, 2), Span(0, 2.0, 2, 1), Span(4, 1.0, 3, 2)])

    def read(row: int) -> int:
        if row >= 3:
            raise BadPictureError("broken")
        return row

    assert [quarantine.first_good(row, 4, read) for row in (3, 4)] == [0, 1]
    assert [row for row, _ in quarantine.take_unreported()] == [3, 4]
    assert quarantine.take_unreported() == []
    for row in range(3):
        quarantine.add(row, "broken")
    with pytest.raises(UserError, match="no image"):
        quarantine.first_good(1, 0, read)


def test_kept_latents_are_fresh_latents_and_mirrored_before_encoding(freeze, tiny_model) -> None:
    """S038, S039."""
    family = load_family(str(tiny_model))
    with open_manifest(freeze().manifest) as manifest:
        done: list[int] = []
        kept, encoded = kept_of(family, manifest, Quarantine(manifest.spans), progress=done.append)
        assert encoded == 2 * len(manifest)
        assert done[-1] == len(manifest)
        picture = picture_of(manifest, 4)
        plain, mirrored = ((kept.find(picture, flip=flip) or ())[0] for flip in (False, True))
        for flip, found in ((False, plain), (True, mirrored)):
            fresh = encode(family, to_model_range(pixels_of(picture.file, flip))[None])
            assert torch.equal(found, torch.stack([fresh.mean[0], fresh.logvar[0]]))
        assert not torch.equal(mirrored, plain.flip(-1))


def test_any_number_of_readers_keeps_the_same_latents(freeze, frozen, tiny_model, monkeypatch) -> None:
    """S037: bit for bit, bad images included; and the threads do read."""
    family, threads = load_family(str(tiny_model)), set()

    def read(file, cut):
        threads.add(threading.current_thread().name)
        return load_sample(file, cut)

    monkeypatch.setattr("train.data.encoding.load_sample", read)
    found = []
    with open_manifest(freeze(frozen(broken=(3,))).manifest) as manifest:
        for workers in (0, 1, 3):
            threads.clear()
            quarantine = Quarantine(manifest.spans)
            kept, _ = kept_of(family, manifest, quarantine, workers)
            assert sum(name.startswith("reader") for name in threads) == workers
            views = {
                (row, flip): kept.find(picture_of(manifest, row), flip=flip)
                for row in range(len(manifest))
                for flip in (False, True)
            }
            found.append(
                ({key: entry for key, entry in views.items() if entry}, quarantine.take_unreported())
            )
    assert len(found[0][0]) == 16
    for kept, bad in found[1:]:
        assert bad == found[0][1]
        assert kept.keys() == found[0][0].keys()
        assert all(torch.equal(kept[key][0], value[0]) for key, value in found[0][0].items())


def test_reading_ahead_is_ordered_bounded_and_can_be_given_up() -> None:
    """A consumer that stops, or a reader that fails, leaves nothing running and no image waited for."""
    started: list[int] = []

    def groups():
        for group in range(50):
            yield group, [partial(started.append, 2 * group), partial(started.append, 2 * group + 1)]

    reading = read_ahead(groups(), workers=2)
    assert [next(reading)[0] for _ in range(3)] == [0, 1, 2]
    assert len(started) <= 2 * (3 + 3)
    reading.close()
    assert not any(thread.name.startswith("reader") for thread in threading.enumerate())
    failing = read_ahead([("a", [lambda: 1]), ("b", [lambda: 1 // 0])], workers=3)
    assert next(failing) == ("a", [1])
    with pytest.raises(ZeroDivisionError):
        next(failing)


def test_the_rows_are_walked_once_before_a_run(make_run, monkeypatch) -> None:
    """File check and counts share one walk; the digest takes rows as they are stored."""
    from curator.contract.manifest.manifest import Manifest
    from curator.contract.run.stop_signals import StopSignals
    from train.prepare.job import prepare
    from train.report import Reporter

    walks, honest = [], Manifest.images
    monkeypatch.setattr(Manifest, "images", lambda self, *args: walks.append(args) or honest(self, *args))
    run = make_run("cache.latents=off")
    prepare(run, lambda _: Reporter(None), StopSignals())
    assert walks == [()]


def test_evenly_spread() -> None:
    assert evenly_spread(10, 4) == [0, 2, 5, 7]
    assert evenly_spread(3, 10) == [0, 1, 2]


def test_a_large_colour_profile_is_decoded(tmp_path: Path) -> None:
    """In a process that has not scanned: what the scan takes can be trained."""
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 8), (9, 0, 0)).save(path, icc_profile=bytes(3_000_000))
    look = f"import train.data.images; from PIL import Image; Image.open({str(path)!r}).load()"
    subprocess.run([sys.executable, "-c", look], check=True)


@pytest.mark.parametrize("turn", range(1, 9))
def test_the_trainer_turns_pictures_upright(tmp_path: Path, turn: int) -> None:
    """S043: by their EXIF data; what is trained is what a person sees, for all eight ways a camera is held."""
    upright = np.zeros((4, 8, 3), np.uint8)
    upright[:2, :4], upright[2:, :4], upright[:2, 4:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    held = {  # what lies in the file so that the turn of the EXIF data makes it upright
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.transpose(1, 0, 2), 6: np.rot90(upright), 7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = turn
    path = tmp_path / "held.png"
    Image.fromarray(np.ascontiguousarray(held[turn])).save(path, exif=exif)
    pixels = pixels_of(file_of(path, Placement((8, 4), (8, 4), (0, 0, 8, 4))))
    assert torch.equal(pixels, torch.from_numpy(upright).permute(2, 0, 1))


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_flattened_by_the_one_rule(tmp_path: Path, kind: str) -> None:
    """S043: what near-duplicates and the preview show is what is trained."""
    path = saved(tmp_path, kind)
    width, height = SIZE
    seen = pixels_of(file_of(path, Placement(SIZE, SIZE, (0, 0, width, height))))
    wanted = torch.from_numpy(np.array(scene()))
    assert (seen.int() - wanted.int()).abs().max() <= 1
