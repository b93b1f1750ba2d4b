"""What a run trains: weights in groups with their rates, their state, and the files they become."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from torch import Tensor, nn

if TYPE_CHECKING:
    from train.weights.lora_file import Stored


@dataclass(frozen=True)
class WeightGroup:
    """Weights that share a learning rate and a name to report it under."""

    name: str
    rate: float
    weights: tuple[nn.Parameter, ...]


@dataclass(frozen=True)
class Written:
    """A file or folder of a checkpoint, and the sha256 of its file, or of the file with the most trained weights."""

    path: Path
    sha256: str


class Trained(Protocol):
    """What a run trains. All of it is float32 and asks for gradients; nothing else of the model does."""

    @property
    def groups(self) -> Sequence[WeightGroup]:
        """Every weight in one group, in an order that depends on the recipe and the model alone."""
        ...

    @property
    def weights(self) -> list[nn.Parameter]:
        """The weights of all groups, in their order."""
        ...

    @property
    def trains_text(self) -> bool:
        """Whether gradients go through the text encoders."""
        ...

    def stepped(self) -> None:
        """Follow what an optimiser step has just done to the weights."""
        ...

    def at_rest(self) -> AbstractContextManager[None]:
        """The weights as they are judged, sampled and saved, within the block."""
        ...

    def whole(self) -> AbstractContextManager[None]:
        """All weights with their numbers within the block, also where other processes keep a part; all enter it."""
        ...

    def state(self) -> dict[str, Tensor]:
        """What an exact resume needs of the weights, by name; copies on the CPU."""
        ...

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave.

        Raises:
            UserError: other weights or other sizes.
        """
        ...

    def write(self, place: Path, metadata: Mapping[str, str], stored: Stored) -> Sequence[Written]:
        """Write what a checkpoint holds: `place`, with what each of its files and folders is called after it."""
        ...


def grouped(parts: Iterable[tuple[str, float, tuple[nn.Parameter, ...]]]) -> list[WeightGroup]:
    """Groups by name and rate, in the order in which they first come."""
    found: dict[tuple[str, float], list[nn.Parameter]] = {}
    for name, rate, weights in parts:
        found.setdefault((name, rate), []).extend(weights)
    return [WeightGroup(name, rate, tuple(weights)) for (name, rate), weights in found.items()]


def in_parts(weights: Iterable[nn.Parameter], numbers: int) -> Iterator[list[nn.Parameter]]:
    """The weights in their order, each part full with the one by which it holds `numbers` numbers."""
    part: list[nn.Parameter] = []
    held = 0
    for weight in weights:
        part.append(weight)
        held += weight.numel()
        if held >= numbers:
            yield part
            part, held = [], 0
    if part:
        yield part
