"""Exchange of gradients between processes: summed in buckets of 64 MB while the backward pass still runs.

A bucket is one flat tensor, and the gradients of its weights are views into it: nothing is copied before it is sent or
after. Not DistributedDataParallel: processes may hold unequal shares of a short batch, or none of it, and a weight that
no process reaches keeps no gradient, and rests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from train.trained.trained import in_parts

if TYPE_CHECKING:
    from train.data.micro_batch import MicroBatch

BUCKET_BYTES = 64 * 2**20


class Exchange:
    """The gradients of `weights`, summed over all processes.

    Which weights share a bucket depends on their order alone, so that sums come out the same in every run. The order in
    which buckets are sent must be the same on all processes: that in which the first process has them ready.
    """

    def __init__(self, weights: Sequence[nn.Parameter], bucket_bytes: int = BUCKET_BYTES) -> None:
        self._weights = list(weights)
        self._buckets = [_Bucket(part) for part in _parts(self._weights, bucket_bytes)]
        self._bucket_of = {weight: bucket for bucket in self._buckets for weight in bucket.weights}
        self._order = list(reversed(self._buckets))
        self._completed: list[
            _Bucket
        ] = []  # in the first pass that was exchanged, until all agree on the order
        self._has_order = False
        self._reached: set[nn.Parameter] = set()
        self._sent: list[Any] = []
        self._is_last = False
        for weight in self._weights:
            weight.register_post_accumulate_grad_hook(self._arrived)

    def begin(self) -> None:
        """Empty gradients for the next step."""
        self._reached.clear()
        self._sent.clear()
        self._is_last = False
        if not self._has_order:
            self._completed.clear()
        for bucket in self._buckets:
            bucket.empty()

    @property
    def has_sent(self) -> bool:
        """Whether others have something of this step."""
        return bool(self._sent)

    def last_pass(self) -> None:
        """The next backward pass is this process's last one of the step: buckets are sent as they fill."""
        self._is_last = True

    def going_along(self, _parts: Sequence[MicroBatch]) -> Sequence[MicroBatch]:
        """Each process goes through its model by itself."""
        return ()

    def finish(self, extra: Tensor) -> Tensor:
        """Wait for all gradients, and sum the numbers in `extra` too; gives these."""
        while len(self._sent) < len(self._order):
            self._send_next()
        reached = torch.tensor([float(weight in self._reached) for weight in self._weights])
        told = torch.cat([extra, reached.to(extra)])
        dist.all_reduce(told)
        for work in self._sent:
            work.wait()
        for weight, count in zip(self._weights, told[len(extra) :].tolist(), strict=True):
            if not count:
                weight.grad = None
        if not self._has_order:
            self._agree_on_order()
        return told[: len(extra)]

    def _arrived(self, weight: Tensor) -> None:
        """A gradient is there; in the last pass it is whole."""
        assert isinstance(weight, nn.Parameter)
        self._reached.add(weight)
        if not self._is_last:
            return
        bucket = self._bucket_of[weight]
        bucket.missing.discard(weight)
        if bucket.missing:
            return
        self._completed.append(bucket)
        while len(self._sent) < len(self._order) and not self._order[len(self._sent)].missing:
            self._send_next()

    def _send_next(self) -> None:
        self._sent.append(dist.all_reduce(self._order[len(self._sent)].flat, async_op=True))

    def _agree_on_order(self) -> None:
        """The first process tells. Buckets it never filled, as of weights that rest, are sent last."""
        numbers = {bucket: number for number, bucket in enumerate(self._buckets)}
        rest = [bucket for bucket in self._order if bucket not in self._completed]
        order = [numbers[bucket] for bucket in (*self._completed, *rest)]
        told = torch.tensor(order, device=self._buckets[0].flat.device)
        dist.broadcast(told, src=0)
        self._order = [self._buckets[number] for number in told.tolist()]
        self._has_order = True


class _Bucket:
    """Gradients that are sent together; `missing` are those of this step that are not there yet."""

    def __init__(self, weights: Sequence[nn.Parameter]) -> None:
        self.weights = weights
        first = weights[0]
        self.flat = torch.zeros(sum(w.numel() for w in weights), dtype=first.dtype, device=first.device)
        self.missing: set[nn.Parameter] = set()
        self._views: list[Tensor] = []
        place = 0
        for weight in weights:  # laid out as the weight is, as fused optimisers want it
            self._views.append(self.flat.as_strided(weight.shape, weight.stride(), place))
            place += weight.numel()

    def empty(self) -> None:
        self.flat.zero_()
        self.missing = set(self.weights)
        for weight, view in zip(self.weights, self._views, strict=True):
            weight.grad = view


def _parts(weights: Sequence[nn.Parameter], bucket_bytes: int) -> list[list[nn.Parameter]]:
    """Weights that follow each other and are held in the same numbers, by the bucket."""
    runs: list[list[nn.Parameter]] = []
    for weight in weights:
        if not runs or runs[-1][0].dtype != weight.dtype:
            runs.append([])
        runs[-1].append(weight)
    return [part for run in runs for part in in_parts(run, max(1, bucket_bytes // run[0].element_size()))]
