"""How two models differ, as JSON: `python -m train.programs.workshop.compare_models FIRST SECOND CONVENTION`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

from train.programs.followed import Hear, followed


def main(arguments: list[str]) -> int:
    """Compare; the exit code."""
    first, second, convention = arguments[-3:]

    def work(hear: Hear) -> dict[str, object]:
        from train.workshop.difference import difference  # noqa: PLC0415 (imports torch)
        from train.workshop.open_model import open_model  # noqa: PLC0415

        return asdict(difference(open_model(Path(first)), open_model(Path(second)), convention, hear))

    return followed(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
