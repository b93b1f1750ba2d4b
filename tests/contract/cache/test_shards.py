"""Shards of a cache: what is appended is there, whatever a kill, a damage or another writer does (B05)."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curator.contract.cache import shards as shards_file
from curator.contract.cache.records import NO_SUBJECT, RECORD, checksum, records_of
from curator.contract.cache.shards import Entry, ShardWriter, shards_in

ROOT = Path(__file__).parents[3]


def entry(number: int, size: int = 100) -> Entry:
    return Entry(number.to_bytes(16, "big"), NO_SUBJECT, bytes([number % 251]) * size)


def found(folder: Path) -> dict[bytes, bytes]:
    """All entries whose checksums fit."""
    every: dict[bytes, bytes] = {}
    for shard in shards_in(folder):
        records = list(records_of(shard.index))  # first: entries are written before their records
        data = shard.data.read_bytes()
        for record in filter(None, records):
            own = data[record.offset : record.offset + record.length]
            assert checksum(own) == record.crc
            every[record.key] = own
    return every


def test_entries_are_found_and_a_shard_is_taken_up_again(tmp_path: Path) -> None:
    for number in range(3):
        with ShardWriter(tmp_path) as writer:
            writer.append([entry(2 * number), entry(2 * number + 1, 33)])
    assert len(shards_in(tmp_path)) == 1
    assert shards_in(tmp_path)[0].entries == 6
    assert found(tmp_path) == {
        each.key: each.data for each in (entry(n, 33 if n % 2 else 100) for n in range(6))
    }


def test_writers_at_once_have_a_shard_each(tmp_path: Path) -> None:
    with ShardWriter(tmp_path) as one, ShardWriter(tmp_path) as other:
        one.append([entry(1)])
        other.append([entry(2)])
        assert one.shard != other.shard
    assert len(found(tmp_path)) == 2
    assert len(shards_in(tmp_path)) == 2


def test_a_full_shard_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards_file, "FULL_BYTES", 50)
    for number in range(2):
        with ShardWriter(tmp_path) as writer:
            writer.append([entry(number)])
            assert writer.is_full
    assert len(shards_in(tmp_path)) == 2


def test_half_a_record_and_bytes_without_one_are_passed_over(tmp_path: Path) -> None:
    """As a kill between any two writes leaves them; the next writer goes on behind."""
    with ShardWriter(tmp_path) as writer:
        writer.append([entry(1)])
        shard = writer.shard
    with shard.data.open("ab") as data, shard.index.open("ab") as index:
        data.write(b"x" * 77)
        index.write(b"y" * (RECORD.size - 1))
    assert found(tmp_path).keys() == {entry(1).key}
    with ShardWriter(tmp_path) as writer:
        assert writer.shard == shard
        writer.append([entry(2)])
    assert found(tmp_path) == {each.key: each.data for each in (entry(1), entry(2))}


def test_a_damaged_record_hides_itself_alone(tmp_path: Path) -> None:
    with ShardWriter(tmp_path) as writer:
        writer.append([entry(number) for number in range(3)])
        index = writer.shard.index
    for at in range(RECORD.size):
        told = bytearray(index.read_bytes())
        told[RECORD.size + at] ^= 0x10
        index.write_bytes(told)
        kept = list(records_of(index))
        assert [each is None for each in kept] == [False, True, False]
        told[RECORD.size + at] ^= 0x10
        index.write_bytes(told)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = os.pwrite
    with ShardWriter(tmp_path) as writer:
        writer.append([entry(1)])
        files = (writer.shard.data, writer.shard.index)
        sizes = [path.stat().st_size for path in files]

        def half(handle: int, data: memoryview, at: int) -> int:
            if len(data) <= 200:
                raise OSError(errno.ENOSPC, "No space left on device")
            return honest(handle, data[:200], at)

        monkeypatch.setattr(os, "pwrite", half)
        with pytest.raises(OSError, match="No space"):
            writer.append([entry(2, 1000)])
        monkeypatch.setattr(os, "pwrite", honest)
        assert [path.stat().st_size for path in files] == sizes
        writer.append([entry(3)])
    assert found(tmp_path).keys() == {entry(1).key, entry(3).key}


_MOST, _SIZE = 2000, 5000
_WRITES = f"""
import sys
from pathlib import Path
from curator.contract.cache.shards import Entry, ShardWriter
first = int(sys.argv[2])
with ShardWriter(Path(sys.argv[1])) as writer:
    for number in range(first, first + {_MOST}):
        writer.append([Entry(number.to_bytes(16, "big"), bytes(16), bytes([number % 251]) * {_SIZE})])
sys.stdin.read()
"""


def entries(folder: Path) -> int:
    return sum(shard.entries for shard in shards_in(folder))


def test_killed_at_any_time_what_is_there_is_whole(tmp_path: Path) -> None:
    """B05: two at once, killed again and again."""
    for turn in range(3):
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", _WRITES, str(tmp_path), str((2 * turn + which) * _MOST)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
            )
            for which in range(2)
        ]
        try:
            before, limit = entries(tmp_path), time.monotonic() + 300
            while entries(tmp_path) < before + 20:
                assert time.monotonic() < limit
        finally:
            for writer in writers:
                writer.kill()
                writer.communicate()
        assert len(found(tmp_path)) == entries(tmp_path)  # no half record counts
    every = found(tmp_path)
    assert all(data == bytes([int.from_bytes(key, "big") % 251]) * _SIZE for key, data in every.items())
    assert len(shards_in(tmp_path)) <= 4  # those of killed writers are gone on with
