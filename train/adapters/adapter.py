"""An adapter on a base model: its modules, their weights in float32, and what its file holds."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn

from curator.contract.errors import UserError
from train.adapters.dropout import module_keys
from train.adapters.kinds.table import KINDS
from train.trained.trained import Written, grouped
from train.weights.lora_file import Stored, write_lora

if TYPE_CHECKING:
    from train.adapters.kinds.kind import Kind, Site, Spec

Kept = TypeVar("Kept")  # a tensor, or what is known of one


class AdaptedModule:
    """One module of the base model with its adapter. `group` and `rate` say how its weights are trained."""

    def __init__(
        self,
        *,
        name: str,
        spec: Spec,
        host: nn.Module,
        tensors: dict[str, nn.Parameter],
        group: str,
        rate: float,
    ) -> None:
        self.name = name
        self.spec = spec
        self.host = host
        self.tensors = tensors
        self.group = group
        self.rate = rate
        self.training = True
        weight = host.get_parameter("weight").detach()
        self.kept = KINDS[spec.kind].keeps(weight)
        if spec.dropout:
            self.kept |= module_keys(name, weight.device)
        self.base = host.forward

    @property
    def kind(self) -> Kind:
        return KINDS[self.spec.kind]

    def attach(self) -> None:
        """Let the host answer as it will once the adapter is merged."""
        self.host.forward = self.forward

    def forward(self, x: Tensor) -> Tensor:
        """The host's output with its weight changed by `delta`."""
        return self.kind.live(self._in_float32(), x)

    def _in_float32(self) -> Site:
        """Itself; where its tensors are held in bfloat16, as it would be if they were not: kinds compute in float32."""
        if next(iter(self.tensors.values())).dtype is torch.float32:
            return self
        tensors = {name: tensor.float() for name, tensor in self.tensors.items()}
        return _Widened(self.spec, tensors, self.training, self.kept, self.host, self.base)

    def file_tensors(self) -> dict[str, Tensor]:
        """The module's tensors as they stand in a file, without its name."""
        return self.kind.files(
            self.spec, {name: tensor.detach().float() for name, tensor in self.tensors.items()}
        )


@dataclass(frozen=True)
class _Widened:
    """A module whose tensors were taken to float32 for one pass: a `train.adapters.kinds.kind.Site`."""

    spec: Spec
    tensors: Mapping[str, Tensor]
    training: bool
    kept: Mapping[str, Tensor]
    host: nn.Module
    base: Callable[[Tensor], Tensor]


class Adapter:
    """All adapted modules of a model: a `train.trained.trained.Trained`.

    `idle` ones change nothing that is read: they stand in the file as they are, and are not trained.
    """

    def __init__(self, modules: Sequence[AdaptedModule], idle: Sequence[AdaptedModule] = ()) -> None:
        self.modules = modules
        self.idle = idle
        self.groups = grouped(
            (module.group, module.rate, tuple(module.tensors.values())) for module in modules
        )
        self.weights = [weight for group in self.groups for weight in group.weights]
        self.trains_text = any(not module.name.startswith("lora_unet_") for module in modules)

    def stepped(self) -> None:
        """Nothing follows them."""

    def whole(self) -> AbstractContextManager[None]:
        """They are on each process."""
        return nullcontext()

    @contextmanager
    def at_rest(self) -> Generator[None]:
        """Without dropout, and with all ranks in play."""
        before = [module.training for module in self.modules]
        try:
            for module in self.modules:
                module.training = False
            yield
        finally:
            for module, was in zip(self.modules, before, strict=True):
                module.training = was

    def state(self) -> dict[str, Tensor]:
        """Every trained tensor, by the module's name in files; copies on the CPU."""
        return {
            f"{module.name}.{name}": tensor.detach().cpu().clone()
            for module in self.modules
            for name, tensor in module.tensors.items()
        }

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave.

        Raises:
            UserError: other modules or other sizes.
        """
        for module in self.modules:
            _take(module, {name: state.get(f"{module.name}.{name}") for name in module.tensors})

    def start_from(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over the tensors of a file with the same modules and sizes.

        Raises:
            UserError: other modules or other sizes.
        """
        known = {module.name for module in (*self.modules, *self.idle)}
        if strange := sorted({name.split(".", 1)[0] for name in tensors} - known):
            raise UserError(
                f"adapter.start has '{strange[0]}', which this recipe does not train",
                "set the kind, ranks and learning rates it was made with",
            )
        parts = by_module(tensors)
        with torch.no_grad():
            for module in self.modules:
                _take(module, _restored(module, parts.get(module.name, {})))

    def tensors(self) -> dict[str, Tensor]:
        """What the file holds, under kohya's names, in float32 where it was trained."""
        return {
            f"{module.name}.{name}": tensor.cpu()
            for module in (*self.modules, *self.idle)
            for name, tensor in module.file_tensors().items()
        }

    def write(self, place: Path, metadata: Mapping[str, str], stored: Stored) -> list[Written]:
        """One file."""
        path = place.with_name(f"{place.name}.safetensors")
        return [Written(path, write_lora(path, self.tensors(), metadata, stored))]


def by_module(tensors: Mapping[str, Kept]) -> dict[str, dict[str, Kept]]:
    """The tensors of a file, by the names of modules and then their own."""
    found: dict[str, dict[str, Kept]] = {}
    for name, tensor in tensors.items():
        module, _, leaf = name.partition(".")
        found.setdefault(module, {})[leaf] = tensor
    return found


def _restored(module: AdaptedModule, parts: dict[str, Tensor]) -> Mapping[str, Tensor | None]:
    """What was trained, from what a file says of it; the file's alpha counts, not the recipe's.

    As where a file is applied, no alpha means the rank, and 1x1 kernels may be matrices.
    """
    wanted = module.file_tensors()
    if "alpha" in wanted and not parts.get("alpha", torch.zeros(())).any():
        parts = {
            **parts,
            "alpha": torch.tensor(float(module.spec.rank if module.kind.alpha_is_by_rank else 0)),
        }
    for name, tensor in wanted.items():
        if name not in parts or (name != "alpha" and _sides(parts[name]) != _sides(tensor)):
            return {f"of '{module.name}'": None}
    if "alpha" in wanted and not torch.allclose(parts["alpha"].float(), wanted["alpha"].float()):
        raise UserError(
            f"adapter.start has another alpha at '{module.name}': {float(parts['alpha']):g} in place of "
            f"{float(wanted['alpha']):g}",
            "set the alpha it was made with",
        )
    floats = {
        name: parts[name].float().reshape(tensor.shape) for name, tensor in wanted.items() if name != "alpha"
    }
    return {
        name: tensor
        for name, tensor in module.kind.restore(module.spec, floats).items()
        if name in module.tensors
    }


def _sides(tensor: Tensor) -> tuple[int, ...]:
    """Its shape without kernels of 1."""
    shape = tuple(tensor.shape)
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _take(module: AdaptedModule, tensors: Mapping[str, Tensor | None]) -> None:
    for name, tensor in tensors.items():
        if tensor is None or tensor.shape != module.tensors[name].shape:
            raise UserError(
                f"{module.name}.{name} is missing or has another size",
                "the adapter settings differ from the file's",
            )
        module.tensors[name].copy_(tensor)
