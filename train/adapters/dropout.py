"""Dropout of what adapters add, drawn by sample: neither the cut of a batch nor the number of processes changes it.

What is zeroed is a hash of the sample's keys, the module's and the place in the output: no stream of random numbers, so
a pass that is computed again (checkpointing, a batch that did not fit) drops the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from curator.contract.keyed import Purpose, key

if TYPE_CHECKING:
    from curator.contract.epoch_plan import Sample
    from train.adapters.kinds.kind import Site

_PLACE = "dropout"
# Odd multipliers of a 32-bit mixer; products wrap around.
_FIRST, _SECOND, _THIRD = 0x2C1B3C6D, 0x297A2D39, 0x5BD1E995


class _Batch:
    """Whose outputs are computed at present: keys of its samples, [n, 2]; None outside of a step."""

    keys: Tensor | None = None


_BATCH = _Batch()


@contextmanager
def drawn_for(keys: Tensor) -> Generator[None]:
    """Draw by these samples within the block, its backward pass included."""
    _BATCH.keys = keys
    try:
        yield
    finally:
        _BATCH.keys = None


def sample_keys(samples: Sequence[Sample], seed: int) -> Tensor:
    """Two numbers a sample; int32 [n, 2]."""
    return torch.stack([_two(key(seed, *sample, Purpose.DROPOUT)) for sample in samples])


def module_keys(name: str, device: torch.device) -> dict[str, Tensor]:
    """What a module of this name keeps to draw by; int32 [2]."""
    digest = hashlib.sha256(name.encode()).digest()
    return {_PLACE: _two(int.from_bytes(digest[:8])).to(device)}


def _two(number: int) -> Tensor:
    """A 64-bit number as two of 32 bits, with signs."""
    return torch.tensor([number - (1 << 64) if number >> 63 else number]).view(torch.int32)


def dropout(site: Site, x: Tensor) -> Tensor:
    """`x` with the share of its numbers zeroed that the site's spec wants, in training; the rest makes up for them."""
    share, keys = site.spec.dropout, _BATCH.keys
    if not site.training or not share:
        return x
    if keys is None:  # nobody's samples
        return functional.dropout(x, share)
    stays = _hashes(keys ^ site.kept[_PLACE], x.numel() // len(keys)) >= _threshold(share)
    return x * stays.view(x.shape) * (1.0 / (1.0 - share))


def _hashes(keys: Tensor, count: int) -> Tensor:
    """Evenly spread numbers, int32 [n, count]."""
    first, second = keys[:, :1], keys[:, 1:]
    mixed = (torch.arange(count, dtype=torch.int32, device=keys.device) ^ first) * _FIRST
    mixed = (_folded(mixed, 15) + second) * _SECOND
    return _folded(_folded(mixed, 13) * _THIRD, 16)


def _folded(numbers: Tensor, bits: int) -> Tensor:
    """Each with its upper bits put over its lower ones; signs that a shift brings in are cut off."""
    return numbers ^ ((numbers >> bits) & ((1 << (32 - bits)) - 1))


def _threshold(share: float) -> int:
    """The least number that stays, of the share of all 32-bit numbers that does not."""
    return min(int(share * 2.0**32) - 2**31, 2**31 - 1)
