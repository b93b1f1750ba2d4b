"""The tensors of a model file as JSON, NAME -> [type, shape]: `python -m train.programs.workshop.list_tensors FILE`.

For pickles, which only PyTorch can open; they run no code.
"""

from __future__ import annotations

import sys
from pathlib import Path

from train.programs.asked import told


def main(arguments: list[str]) -> int:
    """The exit code: 0 told, 2 a mistake a user can mend."""
    return told(lambda: _tensors(Path(arguments[-1])))


def _tensors(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    from train.weights.tensor_writer import DTYPE_NAMES  # noqa: PLC0415 (imports torch)
    from train.workshop.open_model import open_model  # noqa: PLC0415

    tensors = open_model(path).tensors
    return {
        name: (DTYPE_NAMES.get(kept.dtype, str(kept.dtype)), kept.shape) for name, kept in tensors.items()
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
