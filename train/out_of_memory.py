"""Out of memory: what did not fit, and what of the recipe to set so that it does."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.recipe.fields import toml_value
from curator.contract.recipe.optimizer import OPTIMIZERS

if TYPE_CHECKING:
    from curator.contract.recipe.fields import Value
    from curator.contract.recipe.recipe import Recipe

# Of libraries that raise a plain RuntimeError: torch's allocator on a CPU, cuBLAS, bitsandbytes.
_WORDS = ("out of memory", "can't allocate memory", "ALLOC_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Told without torch, which may be what could not be loaded."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _WORDS)


@contextmanager
def fitting(what: str, recipe: Recipe) -> Generator[None]:
    """Say of the block that `what` does not fit, where it does not.

    Raises:
        UserError: the memory was not enough.
    """
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error):
            raise does_not_fit(what, recipe) from error
        raise


def does_not_fit(what: str, recipe: Recipe) -> UserError:
    """The sentence, and what spares memory and is not set yet, the cheapest first."""
    given = ", or ".join(map(_in_words, ways(recipe)))
    hint = (
        f"set {given}, in a new run"
        if given
        else "freeze with smaller buckets, or take a GPU with more memory"
    )
    return UserError(f"{what} does not fit in the memory", f"{hint}; the states saved so far are kept")


def _in_words(values: Mapping[str, Value]) -> str:
    words = " and ".join(f"{key} = {_quoted(value)}" for key, value in values.items())
    return (
        f"{words}, or 'both' where text encoders are not trained" if "precision.offload" in values else words
    )


def _quoted(value: Value) -> str:
    return f"'{value}'" if isinstance(value, str) else toml_value(value)


def ways(recipe: Recipe) -> Iterator[dict[str, Value]]:
    """What spares memory and is not set yet, the cheapest first."""
    precision, batch, optimizer = recipe.precision, recipe.batch, recipe.optimizer.name
    if batch.size > 1:
        as_many: dict[str, Value] = {"batch.accumulate": 2 * batch.accumulate}
        yield {"batch.size": batch.size // 2, **({} if precision.fused_backward else as_many)}
    if not precision.gradient_checkpointing:
        yield {"precision.gradient_checkpointing": True}
    if f"{optimizer}8bit" in OPTIMIZERS:
        yield {"optimizer.name": f"{optimizer}8bit"}
    if precision.offload == "none":
        yield {"precision.offload": "vae"}
    if recipe.trains == "full" and precision.mixed == "bf16" and precision.weights == "fp32":
        yield {"precision.weights": "bf16"}
