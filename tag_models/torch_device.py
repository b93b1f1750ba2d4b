"""PyTorch for tag models: the device that is really there, models from local folders, arrays in and out."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.contract.errors import UserError
from tag_models.model import OutOfMemoryError

if TYPE_CHECKING:
    from curator.contract.tagging.job import Device


def on_device(device: Device) -> Any:
    """The torch device of that name; "auto" is a GPU where there is one.

    Raises:
        UserError: PyTorch is not installed, or the device is not there.
    """
    try:
        import torch  # noqa: PLC0415 (seconds: not for models that need none)
    except ImportError:
        raise UserError(
            "this model needs PyTorch, which is not installed", "pip install 'frieze[train]'"
        ) from None
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "0")) or torch.get_num_threads())
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise UserError("CUDA cannot be used: PyTorch sees no GPU", "use --device auto, or mend the driver")
    number = int(os.environ.get("LOCAL_RANK", "0"))
    return torch.device("cpu") if device == "cpu" or not there else torch.device("cuda", number)


def loaded(kind: str, folder: Path) -> Any:
    """A model of transformers' class `kind` from a folder, never from the hub.

    Raises:
        UserError: it cannot be loaded.
    """
    import transformers  # noqa: PLC0415

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        return getattr(transformers, kind).from_pretrained(str(folder), local_files_only=True)
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"{folder} cannot be loaded: {first}", "fetch the model again") from error


@contextmanager
def inference(device: Any) -> Generator[Callable[[Any], Any]]:
    """Without gradients; gives what puts an array on the device.

    Raises:
        OutOfMemoryError: the batch is too large for it.
    """
    import torch  # noqa: PLC0415

    try:
        with torch.inference_mode():
            yield lambda array: torch.from_numpy(array).to(device)
    except torch.cuda.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise OutOfMemoryError from error
