"""Stores: what is put is found, what is damaged is not; keys change with all an entry depends on (B05, S040)."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from curator.contract.cache.groups import Group, made_group
from curator.contract.manifest.manifest import open_manifest
from train.cache import disk_writer
from train.cache.disk_store import DiskStore
from train.cache.disk_writer import Room
from train.cache.identity import captions_identity, latents_identity
from train.cache.packing import narrowed, packed, unpacked
from train.cache.store import MemoryStore
from train.data.dataset import picture_of
from train.data.latent_keys import LatentKeys
from train.families.load import load_family
from train.precision.arithmetic import Arithmetic

CPU = torch.device("cpu")


def key(number: int) -> bytes:
    return number.to_bytes(8, "big") + b"k" * 8


def entry(number: int, numbers: torch.dtype = torch.float16) -> tuple[torch.Tensor, ...]:
    return (torch.full((2, 4, 8, 8), float(number), dtype=numbers), torch.full((8, 8), 0.5))


@pytest.fixture
def group(tmp_path: Path) -> Group:
    return made_group(tmp_path / "caches", "latents", ("m", "sd1"), {"vae": "a"})


def store_of(group: Group, told: list[str] | None = None, *, waits: bool = True) -> DiskStore:
    said = [] if told is None else told
    return DiskStore(
        group, Room(group.folder.parent, spare_bytes=0), lambda what, _: said.append(what), waits=waits
    )


@pytest.mark.parametrize("numbers", [torch.float32, torch.float16, torch.bfloat16])
def test_entries_come_back_as_they_were(numbers) -> None:
    whole = (torch.randn(2, 4, 7, 5).to(numbers), torch.rand(7, 5), torch.tensor(3.0))
    for one, other in zip(whole, unpacked(memoryview(packed(whole))), strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


@pytest.mark.parametrize("at", range(0, 60, 3))
def test_bytes_that_are_no_entry_are_refused(at: int) -> None:
    data = bytearray(packed((torch.ones(3, 4),)))
    data = data[:at]
    with pytest.raises(ValueError, match="no entry"):
        unpacked(memoryview(data))


def test_fewer_digits_only_where_they_hold_all() -> None:
    assert narrowed(torch.tensor([0.5, 2.0]), torch.float16).dtype == torch.float16
    for lost in (0.1, 1e-9, 70000.0):
        assert narrowed(torch.tensor([0.5, lost]), torch.float16).dtype == torch.float32


def test_what_is_put_is_found_by_all(group: Group) -> None:
    stores = [store_of(group) for _ in range(2)]
    for number in range(40):
        stores[number % 2].put(key(number), entry(number), b"s" * 16)
        stores[number % 2].put(key(number), entry(99))  # the first stays
    assert sum(stores[0].holds([key(number) for number in range(40)])) == 20
    for store in stores:
        store.settle()
    stores[0].settle()
    for store in (*stores, store_of(group)):
        found = store.find([key(number) for number in range(41)])
        assert found[40] is None
        assert all(torch.equal(found[number][0], entry(number)[0]) for number in range(40))
    for store in stores:
        store.close()


def test_a_store_finds_what_it_put_at_once(group: Group) -> None:
    store = store_of(group, waits=False)
    for number in range(5):
        store.put(key(number), entry(number))
        assert torch.equal(store.find([key(number)])[0][0], entry(number)[0])
    store.close()


def test_a_damaged_entry_is_a_miss_and_told_once(group: Group) -> None:
    store = store_of(group)
    for number in range(3):
        store.put(key(number), entry(number))
    store.settle()
    store.close()
    (shard,) = group.shards
    data = bytearray(shard.data.read_bytes())
    data[5] ^= 1
    shard.data.write_bytes(data)
    told: list[str] = []
    again = store_of(group, told)
    for _ in range(2):
        assert [each is None for each in again.find(list(map(key, range(3))))] == [True, False, False]
    assert len(told) == 1
    assert again.holds([key(0)]) == [False]
    again.put(key(0), entry(0))  # encoded anew, and found again
    again.settle()
    assert torch.equal(again.find([key(0)])[0][0], entry(0)[0])
    again.close()


@pytest.mark.parametrize("what", ["data gone", "data cut", "index gone", "index cut", "index of noise"])
def test_files_that_were_meddled_with_are_misses(group: Group, what: str) -> None:
    store = store_of(group)
    for number in range(3):
        store.put(key(number), entry(number))
    store.close()
    (shard,) = group.shards
    path = shard.data if what.startswith("data") else shard.index
    if "gone" in what:
        path.unlink()
    elif "cut" in what:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.write_bytes(np.random.default_rng(0).bytes(560))
    found = store_of(group).find(list(map(key, range(3))))
    assert found[2] is None
    assert all(each is None or torch.equal(each[0], entry(n)[0]) for n, each in enumerate(found))


def test_who_computes_does_not_wait_for_a_slow_disk(group: Group, monkeypatch) -> None:
    """Captions that come while the disk is behind are not stored; latents wait only when very many are unwritten."""
    gate = threading.Event()
    honest = disk_writer.ShardWriter.append
    monkeypatch.setattr(
        disk_writer.ShardWriter, "append", lambda self, entries: gate.wait(300) and honest(self, entries)
    )
    monkeypatch.setattr(disk_writer, "_MOST_WAITING_BYTES", 10_000)
    captions = store_of(group, waits=False)
    for number in range(100):
        captions.put(key(number), entry(number))
    assert 0 < sum(captions.holds(list(map(key, range(100))))) < 100
    latents = store_of(group, waits=True)
    puts = threading.Thread(target=lambda: [latents.put(key(n), entry(n)) for n in range(100)])
    puts.start()
    gate.set()
    puts.join(300)
    for store in (captions, latents):
        store.settle()
        store.close()
    assert all(store_of(group).holds(list(map(key, range(100)))))


def test_memory_keeps_up_to_its_room() -> None:
    size = sum(part.nbytes for part in entry(0))
    store = MemoryStore(2 * size + 1)
    for number in range(3):
        store.put(key(number), entry(number))
    assert store.holds(list(map(key, range(3)))) == [True, True, False]


# What an entry depends on: exactly the touched ones get other keys.


def keys_of(manifest, **kinds) -> dict[tuple[str, bool], bytes]:
    keys = LatentKeys()
    return {
        (picture_of(manifest, row).name, flip): keys.of(picture_of(manifest, row), flip=flip)
        for row in range(len(manifest))
        for flip in (False, True)
    }


def edited(freeze, frozen, change: str, folder: Path) -> dict[tuple[str, bool], bytes]:
    plain = frozen(sizes=((64, 64), (80, 80), (120, 60), (130, 66)), mask="file")
    if change == "size":
        plain = dataclasses.replace(plain, sizes=((64, 64), (96, 80), (120, 60), (130, 66)))
    if change == "resampling":
        plain = dataclasses.replace(plain, rule=dataclasses.replace(plain.rule, resample="lanczos"))
    if change == "buckets":
        plain = dataclasses.replace(plain, rule=dataclasses.replace(plain.rule, width=96, height=96))
    if change == "caption":
        from curator.contract.caption.captions import CaptionRules

        plain = dataclasses.replace(plain, rules=CaptionRules(prefix="other"))
    if change == "mask":
        Image.new("L", (80, 80), 128).save(folder / "01-mask.png")
    pictures = freeze(plain)
    with open_manifest(pictures.manifest) as manifest:
        return keys_of(manifest)


@pytest.mark.parametrize(
    ("change", "touched"),
    [
        ("nothing", set()),
        ("caption", set()),
        ("size", {"01.png"}),
        ("mask", {"01.png"}),
        ("resampling", {"00.png", "01.png", "02.png", "03.png"}),
        ("buckets", {"00.png", "01.png", "02.png", "03.png"}),
    ],
)
def test_an_edit_misses_exactly_what_it_touches(freeze, frozen, tmp_path, change, touched) -> None:
    """B05, S040: of latents."""
    before = edited(freeze, frozen, "nothing", tmp_path / "pictures")
    after = edited(freeze, frozen, change, tmp_path / "pictures")
    assert {name for name, flip in before if before[name, flip] != after[name, flip]} == touched
    assert len(set(before.values())) == len(before)


def test_pixels_are_of_the_key(freeze, frozen, tmp_path) -> None:
    """B05: other bytes of one image, and it alone is another."""
    from tests.train.conftest import _write

    wanted = frozen(sizes=((64, 64), (80, 80)))
    with open_manifest(freeze(wanted).manifest) as manifest:
        before = keys_of(manifest)
    Image.new("RGB", (80, 80), (1, 2, 3)).save(tmp_path / "pictures/01.png")
    _write(tmp_path / "again.manifest", tmp_path / "pictures", wanted)
    with open_manifest(tmp_path / "again.manifest") as manifest:
        after = keys_of(manifest)
    assert {name for name, flip in before if before[name, flip] != after[name, flip]} == {"01.png"}


def test_another_vae_or_other_numbers_are_another_cache(tiny_model) -> None:
    """S041, B05: the same weights from elsewhere are the same, and one weight makes another."""

    def identity(change=None, numbers=torch.float32, rounded=None):
        family = load_family(str(tiny_model))
        if change:
            change(family)
        family.place(Arithmetic(CPU, vae=numbers))
        return latents_identity(family, CPU, rounded)

    def nudge(family) -> None:
        with torch.no_grad():
            next(family.vae.encoder.parameters()).view(-1)[7] += 1e-3

    def nudge_unet(family) -> None:
        with torch.no_grad():
            family.unet.conv_in.weight.view(-1)[7] += 1e-3

    assert identity() == identity() == identity(nudge_unet)
    found = [identity(), identity(nudge), identity(numbers=torch.bfloat16), identity(rounded=torch.float16)]
    assert len({str(each) for each in found}) == 4


def test_other_encoders_or_another_layer_are_another_cache(tiny_model) -> None:
    def identity(change=None, **kinds):
        family = load_family(str(tiny_model))
        if change:
            change(family)
        arithmetic = Arithmetic(CPU, **kinds)
        family.place(arithmetic)
        return captions_identity(family, arithmetic, 1)

    def nudge(family) -> None:
        with torch.no_grad():
            next(family.text_encoders[0].parameters()).view(-1)[7] += 1e-3

    def nudge_vae(family) -> None:
        with torch.no_grad():
            next(family.vae.parameters()).view(-1)[7] += 1e-3

    assert identity() == identity() == identity(nudge_vae)
    found = [
        identity(),
        identity(nudge),
        identity(lambda family: family.use_clip_skip(2)),
        identity(frozen=torch.bfloat16),
    ]
    assert len({str(each) for each in found}) == 4
