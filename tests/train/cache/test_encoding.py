"""What is encoded before the first step, where a store is full or is not shared after all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from curator.contract.cache.groups import made_group
from curator.contract.manifest.manifest import open_manifest
from train.cache.disk_store import DiskStore
from train.cache.disk_writer import Room
from train.data.batches import Share
from train.data.encoding import Encoder
from train.data.kept_latents import KeptLatents
from train.data.latent_keys import LatentKeys
from train.data.quarantine import Quarantine
from train.families.load import load_family


@pytest.fixture
def encode(freeze, tiny_model, tmp_path: Path) -> Callable[..., tuple[int, list[str]]]:
    """How many showings one of `processes` encodes, and what is told; it alone writes where it is asked to look."""

    def run(processes: int, gather: Callable[[torch.Tensor], torch.Tensor]) -> tuple[int, list[str]]:
        told: list[str] = []
        group = made_group(tmp_path / "caches", "latents", ("m", "sd1"), {"vae": "a"})
        store = DiskStore(group, Room(tmp_path, spare_bytes=0), lambda what, _: told.append(what), waits=True)
        with open_manifest(freeze().manifest) as manifest:
            encoder = Encoder(
                load_family(str(tiny_model)),
                KeptLatents(store, LatentKeys()),
                Quarantine(manifest.spans),
                Share(0, processes),
                gather,
                tell=lambda what, _: told.append(what),
            )
            found = encoder.encode_missing(manifest, lambda _: None)
        store.close()
        return found, told

    return run


def test_nothing_is_encoded_that_cannot_be_kept(encode, monkeypatch) -> None:
    monkeypatch.setattr(DiskStore, "takes_more", False)
    assert encode(1, lambda part: part) == (0, [])


def test_a_store_that_is_not_shared_is_told(encode) -> None:
    """The other process stands on a machine of its own: what it wrote is not here."""
    count, told = encode(2, lambda part: torch.cat([part, part]))
    assert count == 18
    assert len(told) == 1
    assert "are not found here" in told[0]


def test_one_process_finds_all(encode) -> None:
    assert encode(1, lambda part: part) == (18, [])
    assert encode(1, lambda part: part) == (0, [])
