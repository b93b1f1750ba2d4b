"""Large files of the workshop: written past the page cache, hashed while they are read, pieces made on threads."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from curator.contract.errors import UserError
from train.weights import direct_file
from train.weights.direct_file import BlockReader, DirectWriter
from train.workshop.assembly import assembled
from train.workshop.model_file import open_file
from train.workshop.source_hashes import hashing, in_passing

_BLOCK = 4 << 20


def _bytes(count: int) -> bytes:
    return torch.randint(256, (count,), dtype=torch.uint8).numpy().tobytes()


@pytest.mark.parametrize("length", [0, 1, 4095, 4096, 4097, _BLOCK - 1, _BLOCK, 2 * _BLOCK + 513])
def test_a_file_of_any_length_is_written_and_read_whole(tmp_path: Path, length: int) -> None:
    path, data = tmp_path / "file", _bytes(length)
    with DirectWriter(path) as file:
        for begin in range(0, length, 999_999):
            file.write(memoryview(data)[begin : begin + 999_999])
    assert path.read_bytes() == data
    for read_again in (True, False):
        reader = BlockReader(path, read_again=read_again)
        assert b"".join(iter(lambda reader=reader: bytes(reader.next()), b"")) == data


def test_where_direct_access_is_refused_files_are_written_like_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, refused = os.pwrite, []

    def once(handle: int, data: bytes, place: int) -> int:
        if not refused:
            refused.append(place)
            raise OSError(errno.EINVAL, "no direct access")
        return write(handle, data, place)

    monkeypatch.setattr(direct_file.os, "pwrite", once)
    with DirectWriter(tmp_path / "file") as file:
        file.write(memoryview(b"abc"))
    assert refused
    assert (tmp_path / "file").read_bytes() == b"abc"


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(direct_file.os, "pwrite", full)
    with pytest.raises(OSError, match="no space"), DirectWriter(tmp_path / "file") as file:
        file.write(memoryview(bytes(3 * _BLOCK)))


def _model(path: Path) -> dict[str, Tensor]:
    tensors = {
        "a": torch.randn(700, 2000),
        "b": torch.randn(300, 2000),
        "c": torch.randn(900, 1000).half(),
        "d": torch.tensor(3.0),
        "e": torch.empty(0, 4),
    }
    save_file(tensors, path)
    return tensors


@pytest.mark.parametrize("names", ["abdec", "cedba", "ca", ""])
@pytest.mark.parametrize("read_again", [True, False])
def test_a_file_is_hashed_while_rows_are_read_in_any_order(
    tmp_path: Path, names: str, read_again: bool
) -> None:
    path = tmp_path / "model.safetensors"
    tensors = _model(path)
    file, source = in_passing(open_file(path), read_again=read_again)
    with hashing([source, path]) as hashes:
        for name in names:
            whole = tensors[name]
            assert torch.equal(file.whole(name), whole)
            if whole.numel() > 1:
                middle = len(whole) // 2
                assert torch.equal(file.rows(name, middle, middle + 1), whole[middle : middle + 1])
        assert hashes() == (hashlib.sha256(path.read_bytes()).hexdigest(),) * 2


def test_what_is_read_in_order_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    tensors = _model(path)
    read, counts = os.preadv, []

    def counted(handle: int, blocks: Sequence[memoryview], place: int) -> int:
        counts.append(read(handle, blocks, place))
        return counts[-1]

    file, source = in_passing(open_file(path))
    monkeypatch.setattr(os, "preadv", counted)
    for name in sorted(tensors, key=lambda name: (-tensors[name].element_size(), name)):
        file.whole(name)
    with hashing([source]) as hashes:
        hashes()
    assert sum(counts) == path.stat().st_size


def test_a_file_that_becomes_shorter_is_told(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    _model(path)
    file, _ = in_passing(open_file(path))
    os.truncate(path, 5 << 20)
    with pytest.raises(UserError, match="became shorter"):
        file.whole("c")


def test_pieces_come_in_order_and_a_failure_ends_the_work() -> None:
    made: list[int] = []

    def make(piece: int, read: Sequence[Tensor]) -> Tensor:
        if piece == 20:
            raise UserError("the piece is odd", "")
        made.append(piece)
        return read[0] + read[1]

    wanted = (
        (piece, [(0, partial(torch.tensor, piece)), (1, partial(torch.tensor, 100 * piece))])
        for piece in range(1000)
    )
    found: list[int] = []
    with pytest.raises(UserError, match="the piece is odd"):
        found.extend(int(each) for each in assembled(wanted, make, 2))
    assert len(made) < 40
    found = [
        int(each)
        for each in assembled(((n, [(0, partial(torch.tensor, n))] * 2) for n in range(20)), make, 1)
    ]
    assert found == [2 * n for n in range(20)]
