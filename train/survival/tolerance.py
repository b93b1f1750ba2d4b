"""What a run does beside training and goes on without: told where it fails, and tried again at the next turn."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from train.survival.reason import reason
from train.survival.room import release_memory

if TYPE_CHECKING:
    from train.report import Reporter

WRITING: tuple[type[Exception], ...] = (OSError, SafetensorError)


@contextmanager
def outlived(
    reporter: Reporter, what: str, hint: str, errors: tuple[type[Exception], ...] = (Exception,)
) -> Generator[None]:
    """Warn that `what` could not be done where the block raises one of `errors`, and go on behind it."""
    try:
        yield
    except errors as error:
        reporter.warn(f"{what}: {reason(error)}", hint)
    else:
        return
    release_memory()  # behind the block: the error holds on to what was computed
