"""Gradients of several processes: sent in buckets while the backward pass runs, and never held twice (S057)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn

from train.processes.exchange import Exchange

_LAYERS = 6
_SIDE = 16
_BUCKET = 4 * _SIDE * _SIDE * 2  # two layers


@pytest.fixture
def one_process(tmp_path: Path) -> Iterator[None]:
    """A group of one: what is summed is the process's own."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'group'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def layers() -> list[nn.Parameter]:
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(_SIDE, _SIDE)) for _ in range(_LAYERS)]


def output(weights: list[nn.Parameter], resting: int = -1) -> torch.Tensor:
    value = torch.ones(1, _SIDE)
    for number, weight in enumerate(weights):
        if number != resting:
            value = torch.tanh(value @ weight)
    return value.sum()


def watched(monkeypatch: pytest.MonkeyPatch, weights: list[nn.Parameter]) -> list[tuple[int, int]]:
    """How many gradients were there when each tensor was sent, and how many numbers it had."""
    arrived: list[int] = []
    sent: list[tuple[int, int]] = []
    for weight in weights:
        weight.register_post_accumulate_grad_hook(lambda _: arrived.append(1))
    honest = dist.all_reduce

    def all_reduce(tensor: torch.Tensor, **how: Any) -> Any:
        sent.append((len(arrived), tensor.numel()))
        return honest(tensor, **how)

    monkeypatch.setattr(dist, "all_reduce", all_reduce)
    return sent


@pytest.mark.usefixtures("one_process")
def test_buckets_are_sent_before_the_backward_pass_ends(monkeypatch) -> None:
    """The last layers' first; of two micro-batches only in the second, whose sums are whole."""
    weights = layers()
    sent = watched(monkeypatch, weights)
    exchange = Exchange(weights, _BUCKET)
    for _ in range(2):
        sent.clear()
        for weight in weights:
            weight.grad = None
        exchange.begin()
        output(weights).backward()
        assert not sent
        exchange.last_pass()
        output(weights).backward()
        during = len(sent)
        exchange.finish(torch.ones(3))
        assert during == 3  # all of them: the last is full with the last gradient
        assert [numbers for _, numbers in sent] == [*[2 * _SIDE * _SIDE] * 3, 3 + _LAYERS]
    first_sent_at = [count for count, _ in sent][:2]
    assert first_sent_at[0] % _LAYERS < _LAYERS - 1
    assert first_sent_at[0] < first_sent_at[1]


@pytest.mark.usefixtures("one_process")
def test_gradients_are_views_into_buckets_and_equal_those_of_one_process() -> None:
    """No copy of them is held: what they lie in has as many numbers as they have."""
    weights, plain = layers(), layers()
    exchange = Exchange(weights, _BUCKET)
    for _ in range(2):
        for weight in plain:
            weight.grad = None
        exchange.begin()
        exchange.last_pass()
        output(weights).backward()
        output(plain).backward()
        assert exchange.finish(torch.tensor([5.0])).tolist() == [5.0]
        storages = {
            weight.grad.untyped_storage().data_ptr(): weight.grad.untyped_storage().nbytes()
            for weight in weights
        }
        assert len(storages) == 3
        assert sum(storages.values()) == sum(weight.nbytes for weight in weights)
        assert all(torch.equal(one.grad, other.grad) for one, other in zip(weights, plain, strict=True))


@pytest.mark.usefixtures("one_process")
def test_a_weight_that_no_process_reaches_has_no_gradient_and_one_laid_out_otherwise_keeps_its_layout() -> (
    None
):
    weights = [*layers(), nn.Parameter(torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last))]
    exchange = Exchange(weights, _BUCKET)
    for resting in (2, 0, 2):
        exchange.begin()
        exchange.last_pass()
        (output(weights[:_LAYERS], resting) + weights[-1].square().sum()).backward()
        exchange.finish(torch.zeros(0))
        assert [weight.grad is None for weight in weights] == [number == resting for number in range(7)]
        assert weights[-1].grad.stride() == weights[-1].stride()
        assert torch.equal(weights[-1].grad, 2 * weights[-1].detach())


@pytest.mark.usefixtures("one_process")
def test_a_process_without_images_sends_all_the_same() -> None:
    weights = layers()
    exchange = Exchange(weights, _BUCKET)
    exchange.begin()
    exchange.finish(torch.zeros(1))
    assert all(weight.grad is None for weight in weights)
