"""ONNX sessions: which device really runs them, what their input is, and batches through them.

onnxruntime falls back to the CPU in silence where CUDA cannot be loaded: the providers are read from the session that
was made, and `cuda` that was asked for by name and is not there is an error with onnxruntime's own reason.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.contract.errors import UserError
from curator.contract.text import visible
from tag_models.model import OutOfMemoryError

_PROVIDERS = {"CUDAExecutionProvider": "cuda", "CPUExecutionProvider": "cpu"}
_KINDS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
_ERRORS, _FATAL = 3, 4  # onnxruntime's severities
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_NO_MEMORY = ("Failed to allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "bad allocation")


@dataclass(frozen=True)
class InputShape:
    """The one input of an image model; `batch` and `side` are None where any will do."""

    name: str
    kind: type[np.generic]
    channels_first: bool
    side: int | None
    batch: int | None


class OnnxSession:
    """A model file, loaded on a device."""

    def __init__(self, path: Path, device: str = "auto", threads: int = 0) -> None:
        """Load `path`.

        Raises:
            UserError: it is no model of images, onnxruntime is missing, or `device` is not there.
        """
        self._session, self._quiet = _loaded(path, device, threads)
        provider: str = self._session.get_providers()[0]
        self.device: str = _PROVIDERS.get(provider, provider)
        self.input = _input_of(self._session, path)
        self.outputs = {each.name: each.shape for each in self._session.get_outputs()}

    def run(self, batch: NDArray[Any], output: str) -> NDArray[np.float32]:
        """One output for a batch, as float32.

        Raises:
            OutOfMemoryError: the batch is too large.
        """
        try:
            binding = self._session.io_binding()
            binding.bind_cpu_input(self.input.name, batch)
            binding.bind_output(output, "cpu")
            self._session.run_with_iobinding(binding, self._quiet)
            (values,) = binding.copy_outputs_to_cpu()
        except Exception as error:
            if any(words in str(error) for words in _NO_MEMORY):
                raise OutOfMemoryError from error
            raise
        return np.asarray(values, np.float32)


def _loaded(path: Path, device: str, threads: int) -> tuple[Any, Any]:
    try:
        import onnxruntime  # noqa: PLC0415 (a tenth of a second and 100 MB: not for who only lists models)
    except ImportError:
        raise UserError(
            "tag models need onnxruntime, which is not installed", "pip install 'frieze[tag]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS
    options.intra_op_num_threads = threads or int(os.environ.get("OMP_NUM_THREADS", "0"))
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # its threads wait asleep
    wanted = [] if device == "cpu" else ["CUDAExecutionProvider"]
    if device == "cuda" and wanted[0] not in onnxruntime.get_available_providers():
        raise _no_cuda("this onnxruntime was built without it")
    wanted = [name for name in wanted if name in onnxruntime.get_available_providers()]
    with _said() as said:
        try:
            session = onnxruntime.InferenceSession(
                str(path), options, providers=[*wanted, "CPUExecutionProvider"]
            )
        except Exception as error:
            if device == "cuda" and "CUDA" in str(error):
                raise _no_cuda(str(error)) from error
            raise UserError(
                f"{path} is no ONNX model that can be read: {_first_line(error)}",
                "fetch it again, or give the folder of another model",
            ) from error
    if device == "cuda" and session.get_providers()[0] != "CUDAExecutionProvider":
        raise _no_cuda(said[0] or "onnxruntime gives no reason")
    quiet = onnxruntime.RunOptions()
    quiet.log_severity_level = _FATAL
    return session, quiet


@contextmanager
def _said() -> Generator[list[str]]:
    """What native code writes to stderr meanwhile: kept from the screen, and read."""
    kept = [""]
    with tempfile.TemporaryFile() as file:
        before = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield kept
        finally:
            os.dup2(before, 2)
            os.close(before)
            file.seek(0)
            kept[0] = file.read().decode("utf-8", "replace").strip()


def _no_cuda(why: str) -> UserError:
    return UserError(
        f"CUDA cannot be used: {_reason(why)}",
        "pip install onnxruntime-gpu with the CUDA and cuDNN it needs, or use --device auto",
    )


def _reason(said: str) -> str:
    """The reason in onnxruntime's first line of log, without its colours, time and place in the source."""
    line = _COLOURS.sub("", said.strip().splitlines()[0])
    return visible(line.rpartition(" : FAIL : ")[2][:300])


def _input_of(session: Any, path: Path) -> InputShape:
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise UserError(
            f"{path} is no model of images: it has {len(inputs)} inputs, not one of four axes",
            "give the folder of a tagger or a scorer",
        )
    (only,) = inputs
    if only.type not in _KINDS:
        raise UserError(
            f"{path} wants {only.type} as its input, which images are not",
            "give the folder of a tagger or a scorer",
        )
    axes: Sequence[int | str | None] = only.shape
    channels_first = axes[1] == 3 and axes[3] != 3
    if not channels_first and axes[3] != 3:
        raise UserError(
            f"{path} does not want 3 channels: its input is {list(axes)}",
            "give the folder of a tagger or a scorer",
        )
    sides = {axis for axis in (axes[2:] if channels_first else axes[1:3]) if isinstance(axis, int)}
    if len(sides) > 1:
        raise UserError(f"{path} wants an input that is no square", "no such model is known here")
    batch = axes[0] if isinstance(axes[0], int) and axes[0] > 0 else None
    return InputShape(only.name, _KINDS[only.type], channels_first, next(iter(sides), None), batch)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return visible(lines[0][:200]) if lines else type(error).__name__
