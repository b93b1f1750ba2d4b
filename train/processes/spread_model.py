"""Model spread over processes: of every trained weight, its gradient and its optimiser's state each keeps some rows.

torch's fully_shard puts the weights of a block together while it works, and adds gradients up into each one's rows. All
processes go through the model equally often, since each takes part: one with fewer images, or none, goes along with
images that count nothing. At rest, to sample, evaluate and save, each has all weights.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Size, Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

if TYPE_CHECKING:
    from train.data.micro_batch import MicroBatch
    from train.trained.trained import Trained, WeightGroup, Written
    from train.weights.lora_file import Stored

_BLOCKS = ("BasicTransformerBlock", "ResnetBlock2D", "CLIPEncoderLayer")  # put together one at a time
_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_state_dict_pre_hooks")  # by which fully_shard does it


class _Weight(NamedTuple):
    """A weight that is spread. Its `places` in the model hold `spread`, and at rest `whole`; `rows` are this process's.

    `resting` has its shape and no memory.
    """

    whole: nn.Parameter
    resting: Tensor
    spread: nn.Parameter
    rows: nn.Parameter
    places: Sequence[tuple[nn.Module, str]]


class SpreadModel:
    """What is trained (a `train.trained.trained.Trained` around another), of some `modules`, by `count` processes.

    Its groups hold rows; its weights are whole at rest. All processes rest, save their state and load one together.
    """

    def __init__(self, trained: Trained, modules: Sequence[nn.Module], rank: int, count: int) -> None:
        self._trained = trained
        self.rank, self.count = rank, count
        self.weights, self.trains_text = trained.weights, trained.trains_text
        places = _places(modules)
        self._modules = _spread_out(modules, set(self.weights), count)
        self.spread = [_weight(weight, places[weight]) for weight in self.weights]
        rows = {each.whole: each.rows for each in self.spread}
        self.groups: Sequence[WeightGroup] = [
            replace(group, weights=tuple(rows[weight] for weight in group.weights))
            for group in trained.groups
        ]

    def stepped(self) -> None:
        self._trained.stepped()

    @contextmanager
    def whole(self) -> Generator[None]:
        """A model like any other on every process, within the block."""
        with _plain(self._modules):
            try:
                for each in self.spread:
                    each.whole.data = self.put_together(each.rows.data, each.whole.shape)
                    _hold(each.whole, each.places)
                yield
            finally:
                for each in self.spread:
                    _hold(each.spread, each.places)
                    each.whole.data = each.resting

    def at_rest(self) -> AbstractContextManager[None]:
        return self.whole()

    def state(self) -> dict[str, Tensor]:
        """As of one process; nothing on others than the first."""
        with self.whole():
            return {} if self.rank else self._trained.state()

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """
        Raises:
            UserError: other weights or other sizes.
        """
        with self.whole():
            self._trained.load(state)
            for each in self.spread:
                each.rows.copy_(self.own_rows(each.whole))

    def write(self, place: Path, metadata: Mapping[str, str], stored: Stored) -> Sequence[Written]:
        """Within `at_rest`, on the first process alone."""
        return self._trained.write(place, metadata, stored)

    def put_together(self, rows: Tensor, shape: Size) -> Tensor:
        """The rows of all processes, of a tensor of that shape."""
        most = -(-shape[0] // self.count)
        mine = rows.new_zeros(most, *shape[1:])
        mine[: len(rows)] = rows
        whole = rows.new_empty(most * self.count, *shape[1:])
        dist.all_gather_into_tensor(whole, mine)
        return whole[: shape[0]]

    def own_rows(self, whole: Tensor) -> Tensor:
        """This process's, none where there are too few."""
        most = -(-len(whole) // self.count)
        return whole[self.rank * most : (self.rank + 1) * most]


class SpreadSteps:
    """Gradients of a model that is spread, in place of an `Exchange`, and its optimiser, for each process's rows."""

    has_sent = True  # a step cannot be begun anew: the others are in the midst of it

    def __init__(self, model: SpreadModel) -> None:
        self._model = model
        self.moved = [weight for group in model.groups for weight in group.weights]

    def begin(self) -> None:
        for each in self._model.spread:
            each.spread.grad = None

    def last_pass(self) -> None:
        """Each pass adds its gradients up."""

    def going_along(self, parts: Sequence[MicroBatch]) -> list[MicroBatch]:
        """What this process has to go through the model with beside its `parts`, though it counts nothing."""
        model = self._model
        passes = torch.zeros(model.count, dtype=torch.int64, device=self.moved[0].device)
        passes[model.rank] = len(parts)
        dist.all_reduce(passes)
        counts: list[int] = passes.tolist()
        shown = list(parts[:1])
        if min(counts) < 1 <= max(counts):
            giver = counts.index(max(counts))
            told = [parts[0] if model.rank == giver else None]
            dist.broadcast_object_list(told, src=giver)
            shown = [each for each in told if each is not None]
        return shown * (max(counts) - len(parts))

    def finish(self, extra: Tensor) -> Tensor:
        """Leave each process its rows of the gradient; the sum of the numbers in `extra`."""
        for each in self._model.spread:
            gradient = each.spread.grad
            each.rows.grad = gradient.to_local() if isinstance(gradient, DTensor) else None
        dist.all_reduce(extra)
        return extra

    def own(self, groups: Sequence[WeightGroup]) -> Sequence[WeightGroup]:
        """Each has rows of all."""
        return groups

    def norm(self, found: Tensor) -> Tensor:
        """The root of the squares of all rows."""
        squared = found.to(self.moved[0].device).square()
        dist.all_reduce(squared)
        return squared.sqrt()

    def send_round(self) -> None:
        """Nobody else has use for the rows."""

    def whole_state(self, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        """The state as one process would have it, on the CPU of the first; nothing on the others. All call it."""
        shapes = {each.rows: each.whole.shape for each in self._model.spread}
        own = optimizer.state_dict()
        found: dict[int, dict[str, Any]] = {}
        for place, known in sorted(own["state"].items()):
            rows = self.moved[place]
            found[place] = {name: self._gathered(each, rows, shapes[rows]) for name, each in known.items()}
        return {} if self._model.rank else {**own, "state": found}

    def _gathered(self, value: Any, rows: Tensor, shape: Size) -> Any:
        """Where there is something to each row."""
        if not isinstance(value, Tensor) or value.shape != rows.shape:
            return value
        whole = self._model.put_together(value, shape)
        return None if self._model.rank else whole.cpu()

    def load(self, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
        """Take over this process's rows of a whole state."""
        shapes = {each.rows: each.whole.shape for each in self._model.spread}
        kept = {
            place: {
                name: self._model.own_rows(each) if _has_shape(each, shapes[self.moved[place]]) else each
                for name, each in known.items()
            }
            for place, known in state["state"].items()
        }
        optimizer.load_state_dict({**state, "state": kept})


def _has_shape(value: Any, shape: Size) -> bool:
    return isinstance(value, Tensor) and value.shape == shape


def most_at_once(module: nn.Module) -> int:
    """Bytes of the trained weights that are whole at a time: of the largest block, and what lies between blocks."""
    blocks = [_trained_bytes(each) for each in _blocks(module)]
    return _trained_bytes(module) - sum(blocks) + max(blocks, default=0)


def _trained_bytes(module: nn.Module) -> int:
    return sum(weight.nbytes for weight in module.parameters() if weight.requires_grad)


def _blocks(module: nn.Module) -> list[nn.Module]:
    return [each for each in module.modules() if type(each).__name__ in _BLOCKS]


def _places(modules: Sequence[nn.Module]) -> dict[Tensor, list[tuple[nn.Module, str]]]:
    """Where weights are held."""
    found: dict[Tensor, list[tuple[nn.Module, str]]] = {}
    for root in modules:
        for module in root.modules():
            for name, weight in module.named_parameters(recurse=False):
                found.setdefault(weight, []).append((module, name))
    return found


def _hold(weight: nn.Parameter, places: Sequence[tuple[nn.Module, str]]) -> None:
    for module, name in places:
        module._parameters[name] = weight


def _spread_out(modules: Sequence[nn.Module], trained: set[nn.Parameter], count: int) -> list[nn.Module]:
    """Blocks first, then what is left of a module; those that are spread. What is not trained stays whole."""
    mesh = init_device_mesh(next(iter(trained)).device.type, (count,))
    found: list[nn.Module] = []
    for root in modules:
        resting = {weight for weight in root.parameters() if weight not in trained}
        for module in (*_blocks(root), root):
            plain = type(module)
            spread = fully_shard(module, mesh=mesh, ignored_params=resting)
            spread.set_gradient_divide_factor(1.0)  # losses count by the whole batch
            spread.set_force_sum_reduction_for_comms(enable=True)
            # It has a class of fully_shard's now; transformers looks up by its own what to hand out.
            module.__class__ = plain
            found.append(module)
    return found


@contextmanager
def _plain(modules: Sequence[nn.Module]) -> Generator[None]:
    """Without fully_shard's hooks within the block; others stay, and may come, as transformers' for hidden states."""
    tables: list[dict[int, Any]] = [getattr(module, name) for module in modules for name in _HOOKS]
    before = [dict(table) for table in tables]
    for table in tables:
        for number, hook in list(table.items()):
            if getattr(hook, "__module__", "").startswith("torch.distributed.fsdp"):
                del table[number]
    try:
        yield
    finally:
        for table, hooks in zip(tables, before, strict=True):
            came = {number: hook for number, hook in table.items() if number not in hooks}
            table.clear()
            table.update(hooks | came)


def _weight(whole: nn.Parameter, places: Sequence[tuple[nn.Module, str]]) -> _Weight:
    module, name = places[0]
    spread = module._parameters[name]
    assert spread is not None
    assert isinstance(spread.data, DTensor)
    whole.data.untyped_storage().resize_(0)
    return _Weight(whole, whole.data, spread, nn.Parameter(spread.data.to_local()), places)
