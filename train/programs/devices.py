"""What PyTorch sees of this machine's devices, as JSON: `python -m train.programs.devices`."""

from __future__ import annotations

import sys

from train.programs.asked import told


def main() -> int:
    """The exit code: 0 told."""
    return told(_devices)


def _devices() -> dict[str, object]:
    import torch  # noqa: PLC0415 (takes seconds)

    from train import quiet  # noqa: PLC0415

    quiet.after_imports()
    seen = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    return {
        "torch": torch.__version__,
        "cuda": torch.version.cuda,  # what it was built for; null: for the CPU alone
        "devices": [
            {
                "name": torch.cuda.get_device_name(number),
                "memory_bytes": torch.cuda.get_device_properties(number).total_memory,
                "bf16": torch.cuda.get_device_capability(number)[0] >= 8,
            }
            for number in seen
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
