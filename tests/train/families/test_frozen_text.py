"""Captions that frozen text encoders have read are not read again, whatever stands beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from safetensors.torch import load_file

from curator.contract.run.events import StepDone
from curator.contract.run.stop_signals import StopSignals
from train.cache.store import MemoryStore
from train.families.clip_text import TextRules
from train.families.conditioning import Conditioning, whole
from train.families.family import Family
from train.families.load import load_family
from train.prepare.job import prepare
from train.report import Reporter

ROOM = 1 << 30
LONG = "a photo of a cat on the mat, " * 12
CAPTIONS = ["a cat", "", LONG, "a (cat:1.3)", "a (cat:1.2)"]


@contextmanager
def reads(family: Family) -> Iterator[list[int]]:
    """How many rows of tokens the first text encoder reads, each time."""
    seen: list[int] = []
    hook = family.text_encoders[0].register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    yield seen
    hook.remove()


def condition(family: Family, captions: list[str]) -> Conditioning:
    return family.condition(captions, [whole((64, 64 + 8 * at)) for at in range(len(captions))])


def same(one: Conditioning, other: Conditioning) -> bool:
    pairs = ((one.states, other.states), (one.pooled, other.pooled), (one.sizes, other.sizes))
    return all(a is b is None or torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", ["sd1", "sdxl"])
def test_a_caption_is_read_once(tiny_of, name: str) -> None:
    """S025, S026: chunks and weights are of the key; sizes are not, and are each image's own."""
    family = load_family(str(tiny_of(name)), text=TextRules(weighted=True, max_tokens=150))
    plain = condition(family, CAPTIONS)
    family.freeze_text(1, MemoryStore(ROOM))
    with reads(family) as seen:
        first = condition(family, [*CAPTIONS, "a cat"])
        assert seen == [2] * len(CAPTIONS)  # two chunks each; one of them stands twice
        again = condition(family, CAPTIONS)
        assert seen == [2] * len(CAPTIONS)
    assert torch.equal(first.states[:-1], again.states)
    assert torch.allclose(plain.states, again.states, atol=1e-5)
    assert not torch.equal(again.states[3], again.states[4])
    if name == "sdxl":
        assert torch.equal(again.sizes, plain.sizes)
        assert torch.allclose(again.pooled, plain.pooled, atol=1e-5)


def test_what_is_read_does_not_hang_on_what_was(tiny_model) -> None:
    """Always so many at once: none kept, some kept and all kept are bit-equal."""
    family = load_family(str(tiny_model))
    found = []
    for room, before in ((0, []), (ROOM, []), (ROOM, ["a cat"]), (ROOM, CAPTIONS)):
        family.freeze_text(3, MemoryStore(room))
        if before:
            condition(family, before)
        with reads(family) as seen:
            found.append(condition(family, CAPTIONS))
        assert set(seen) <= {3}
        assert len(seen) == {0: 2, 1: 2}.get(len(before), 0)
    assert all(same(found[0], each) for each in found[1:])


def test_what_is_kept_is_bounded_and_the_first_stay(tiny_model) -> None:
    family = load_family(str(tiny_model))
    one = condition(family, ["a cat"]).states.nbytes
    family.freeze_text(1, MemoryStore(2 * one + 1))
    for caption in ("a", "b", "c"):
        condition(family, [caption])
    with reads(family) as seen:
        for caption in ("c", "a", "b", "c"):
            condition(family, [caption])
    assert len(seen) == 2


@pytest.mark.parametrize("model", ["tiny_model", "tiny_sdxl"])
def test_a_run_reads_each_caption_once(request, make_run, frozen, model: str) -> None:
    """Of two epochs with fixed captions the second reads none; trained text encoders read all each time."""
    from curator.contract.caption.captions import CaptionRules

    data = frozen(sizes=((64, 64),) * 4, rules=CaptionRules())
    counts = []
    for rate in ("0.0", "1e-3"):
        run = make_run(
            f"model.path={request.getfixturevalue(model)}", f"optimizer.text_lr={rate}", frozen=data
        )
        job = prepare(run, lambda _: Reporter(None), StopSignals())
        for batch in job.data.feed.batches(0, 4):
            with reads(job.stepper.family) as seen:
                job.stepper.take(batch)
            counts.append(sum(seen))
    assert counts == [2, 2, 0, 0, 2, 2, 2, 2]


def test_weights_are_the_same_with_and_without(make_run, work, events_of) -> None:
    """Captions are shuffled here, so that some are known and some are new."""
    found = []
    for room in (0, 1024):
        run = make_run("optimizer.text_lr=0.0", f"cache.captions_mib={room}", name=f"room-{room}")
        assert work(run) == 0
        losses = [event.loss for event in events_of(run) if isinstance(event, StepDone)]
        weights = load_file(run.output_dir / f"room-{room}.safetensors")
        found.append((losses, {name: tensor.tolist() for name, tensor in weights.items()}))
    assert found[0] == found[1]
