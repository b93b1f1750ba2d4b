"""Caches listed, verified, pruned and exported (B05)."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import numpy as np
import pytest

from curator.contract.cache.groups import Group, group_at, groups_in, made_group
from curator.contract.cache.records import NO_SUBJECT, RECORD, checksum, records_of
from curator.contract.cache.shards import Entry, ShardWriter, shards_in
from curator.contract.cache.subjects import latent_subject
from curator.contract.errors import UserError
from curator.contract.manifest.manifest import open_manifest
from curator.contract.progress import silent
from curator.session.training.caches import Caches
from tests.caches import latents_of, write_cache


@pytest.fixture
def place(frozen: Path) -> Path:
    """The folder of a collection with the manifest `set`."""
    return frozen.parents[1]


@pytest.fixture
def caches(place: Path, frozen: Path) -> Caches:
    write_cache(place, frozen)
    return Caches(place / "caches", place)


def the_group(caches: Caches) -> Group:
    (group,) = groups_in(caches.folder)
    return group


def entries_of(group: Group) -> dict[bytes, bytes]:
    found = {}
    for shard in group.shards:
        data = shard.data.read_bytes()
        for record in filter(None, records_of(shard.index)):
            found[record.key] = data[record.offset : record.offset + record.length]
            assert checksum(found[record.key]) == record.crc
    return found


def images(frozen: Path) -> int:
    with open_manifest(frozen) as manifest:
        return len(manifest)


def test_the_list_says_what_there_is(caches: Caches, frozen: Path) -> None:
    (found,) = caches.all()
    with open_manifest(frozen) as manifest:
        assert found.used_by == (manifest.digest,)
    assert (found.kind, found.model, found.entries) == ("latents", "a/model", 2 * images(frozen))
    assert found.bytes > sum(map(len, entries_of(the_group(caches)).values()))
    assert found.made_at <= found.last_used <= time.time()


def test_damage_is_counted_and_pruned_alone(caches: Caches) -> None:
    group = the_group(caches)
    before = entries_of(group)
    (shard,) = group.shards
    first, second, *_ = filter(None, records_of(shard.index))
    data = bytearray(shard.data.read_bytes())
    data[first.offset + 100] ^= 1
    shard.data.write_bytes(data)
    told = bytearray(shard.index.read_bytes())
    told[RECORD.size + 3] ^= 1
    shard.index.write_bytes(told)
    (check,) = caches.verify(silent)
    assert (check.entries, check.damaged) == (len(before), 2)
    assert caches.prune(silent, damaged=True, dry_run=True).entries == {group.name: 2}
    assert caches.verify(silent) == [check]
    pruned = caches.prune(silent, damaged=True)
    assert pruned.entries == {group.name: 2}
    assert pruned.bytes > 0
    assert entries_of(group) == {
        key: own for key, own in before.items() if key not in (first.key, second.key)
    }
    assert caches.verify(silent)[0].damaged == 0


def test_what_a_manifest_needs_stays(caches: Caches, place: Path, frozen: Path) -> None:
    group = the_group(caches)
    before = entries_of(group)
    assert caches.prune(silent, unused=True).entries == {}
    with ShardWriter(group.folder) as writer:
        stale = latent_subject("0" * 64, next(iter_images(frozen)).placement, "auto", flip=False)
        writer.append([Entry(b"s" * 16, stale, b"stale")])
    pruned = caches.prune(silent, unused=True)
    assert pruned.entries == {group.name: 1}
    assert entries_of(group) == before
    frozen.unlink()
    assert caches.prune(silent, unused=True).entries == {group.name: len(before)}
    assert groups_in(caches.folder) == []
    assert list(caches.folder.iterdir()) == []


def iter_images(frozen: Path):
    with open_manifest(frozen) as manifest:
        yield from list(manifest.images())


def test_captions_go_with_the_last_manifest_that_used_them(caches: Caches, place: Path, frozen: Path) -> None:
    group = made_group(caches.folder, "captions", ("a/model", "sd1"), {"encoders": "x"})
    with ShardWriter(group.folder) as writer:
        writer.append([Entry(b"c" * 16, NO_SUBJECT, b"caption")])
    with open_manifest(frozen) as manifest:
        group.mark_used(manifest.digest, str(frozen))
    assert caches.prune(silent, unused=True).entries == {}
    frozen.unlink()
    assert caches.prune(silent, unused=True).entries[group.name] == 1


def test_old_caches_go_first_and_by_age(caches: Caches, place: Path, frozen: Path) -> None:
    old = write_cache(place, frozen, vae="b")
    for mark in (old.folder / "used-by").iterdir():
        os.utime(mark, (1, 1))
    about = (old.folder / "about.json").read_text()
    (old.folder / "about.json").write_text(about.replace(f'"made_at": {old.about.made_at}', '"made_at": 1.0'))
    new = next(group for group in groups_in(caches.folder) if group.name != old.name)
    assert [each.name for each in caches.all()] == [new.name, old.name]
    both = sum(each.bytes for each in caches.all())
    dry = caches.prune(silent, most_bytes=both - 1, dry_run=True)
    assert list(dry.entries) == [old.name]
    assert list(caches.prune(silent, unused_days=30).entries) == [old.name]
    assert [group.name for group in groups_in(caches.folder)] == [new.name]
    assert list(caches.prune(silent, most_bytes=0).entries) == [new.name]


def test_what_a_run_writes_to_is_left_alone(caches: Caches) -> None:
    group = the_group(caches)
    before = entries_of(group)
    with ShardWriter(group.folder) as writer:
        pruned = caches.prune(silent, most_bytes=0)
        assert (pruned.entries, pruned.in_use) == ({}, 1)
        writer.append([Entry(b"n" * 16, NO_SUBJECT, b"new")])
    assert entries_of(group) == before | {b"n" * 16: b"new"}


def test_a_killed_prune_loses_nothing(caches: Caches, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each rename and removal in turn; the next one takes up what was rewritten."""
    group = the_group(caches)
    (shard,) = group.shards
    before = entries_of(group)
    with ShardWriter(group.folder) as writer:
        writer.append([Entry(b"d" * 16, NO_SUBJECT, b"bad")])
    record = list(records_of(shard.index))[-1]
    assert record
    data = bytearray(shard.data.read_bytes())
    data[record.offset] ^= 1
    shard.data.write_bytes(data)
    for name in ("rename", "unlink"):
        for count in range(3):
            calls = 0
            honest = getattr(Path, name)

            def killed(self, *args, honest=honest, count=count, **kinds):
                nonlocal calls
                calls += 1
                if calls > count and self.suffix in (".data", ".index"):
                    raise KeyboardInterrupt
                return honest(self, *args, **kinds)

            with monkeypatch.context() as patched:
                patched.setattr(Path, name, killed)
                with contextlib.suppress(KeyboardInterrupt):
                    caches.prune(silent, damaged=True)
            kept = entries_kept(group)
            assert before.items() <= kept.items(), (name, count)
    caches.prune(silent, damaged=True)
    assert entries_kept(group) == before
    assert not any(each.is_dir() and each.name != "used-by" for each in group.folder.iterdir())


def entries_kept(group: Group) -> dict[bytes, bytes]:
    """All sound ones, in their place or still beside it."""
    found = {}
    for shard in (*group.shards, *shards_in(group.folder / "rewritten")):
        data = shard.data.read_bytes() if shard.data.exists() else b""
        for record in filter(None, records_of(shard.index)):
            own = data[record.offset : record.offset + record.length]
            if checksum(own) == record.crc:
                found[record.key] = own
    return found


def test_nothing_asked_for_is_refused(caches: Caches) -> None:
    with pytest.raises(UserError, match="nothing is said"):
        caches.prune(silent)


def test_latents_are_written_as_kohya_has_them(caches: Caches, frozen: Path) -> None:
    """The mean, under the keys that its newer files have; what is there stays."""
    done = caches.export(frozen, None, silent, replace=False, dry_run=True)
    assert (done.written, done.there, done.missing) == (images(frozen), 0, 0)
    assert not list(frozen.parents[1].rglob("*.npz"))
    caches.export(frozen, None, silent, replace=False, dry_run=False)
    with open_manifest(frozen) as manifest:
        for index, image in enumerate(manifest.images()):
            path = manifest.file_of(image)
            width, height = image.size
            file = path.with_name(f"{path.stem}_{width:04d}x{height:04d}_sd.npz")
            wide, high = (side // 8 for side in image.placement.bucket)
            with np.load(file) as found:
                subset = manifest.header.subsets[image.subset]
                mean = latents_of(2 * index, image.placement.bucket)[0].astype(np.float32)
                assert np.array_equal(found[f"latents_{high}x{wide}"], mean)
                assert found[f"latents_{high}x{wide}"].dtype == np.float32
                assert found[f"original_size_{high}x{wide}"].tolist() == [width, height]
                assert (f"latents_flipped_{high}x{wide}" in found) == subset.flip
                assert len(found[f"crop_ltrb_{high}x{wide}"]) == 4
    again = caches.export(frozen, None, silent, replace=False, dry_run=False)
    assert (again.written, again.there) == (0, images(frozen))
    assert caches.export(frozen, None, silent, replace=True, dry_run=False).written == images(frozen)


def test_export_says_what_it_lacks(caches: Caches, place: Path, frozen: Path) -> None:
    with pytest.raises(UserError, match="no cache of latents 'latents-none'"):
        caches.export(frozen, "latents-none", silent, replace=False, dry_run=True)
    write_cache(place, frozen, vae="b")
    with pytest.raises(UserError, match="there are 2 caches"):
        caches.export(frozen, None, silent, replace=False, dry_run=True)
    caches.prune(silent, most_bytes=0)
    with pytest.raises(UserError, match="no cache of latents"):
        caches.export(frozen, None, silent, replace=False, dry_run=True)
    assert group_at(caches.folder / "none") is None
