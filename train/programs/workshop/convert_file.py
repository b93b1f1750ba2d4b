"""A model or an adapter converted: `python -m train.programs.workshop.convert_file FILE OUT [--replace] < WANTED`.

WANTED is JSON, as `ModelConversion` or `AdapterConversion` have it. Standard output tells how far it is, as of
`train.programs.workshop.merge_models`; the report says under `of` which of the two the file is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from train import quiet
from train.programs.followed import Hear, followed


def main(arguments: list[str]) -> int:
    """Convert; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m train.programs.workshop.convert_file", description="convert a file"
    )
    parser.add_argument("file", type=Path, help="a base model or an adapter")
    parser.add_argument("out", type=Path, help="the .safetensors file to write, or a folder")
    parser.add_argument("--replace", action="store_true", help="write over what is there")
    wanted = parser.parse_args(arguments)

    def work(hear: Hear) -> dict[str, object]:
        asked = json.loads(sys.stdin.buffer.read())
        return _converted(wanted.file, wanted.out, asked, hear, replaces=wanted.replace)

    return followed(work)


def _converted(
    file: Path, out: Path, asked: Mapping[str, Any], hear: Hear, *, replaces: bool
) -> dict[str, object]:
    from curator.contract.base_model.family import FAMILIES  # noqa: PLC0415
    from curator.contract.merging.adapters import AdapterConversion, ModelConversion, conversion  # noqa: PLC0415
    from train.workshop.adapters.converting import convert_adapter  # noqa: PLC0415 (imports torch)
    from train.workshop.converting import convert_model  # noqa: PLC0415
    from train.workshop.kin import kind_of  # noqa: PLC0415
    from train.workshop.open_model import open_model  # noqa: PLC0415

    quiet.after_imports()
    if kind_of(open_model(file.expanduser())) in FAMILIES:
        model = convert_model(file, out, conversion(ModelConversion, asked), hear, replaces=replaces)
        return {"of": "model", **asdict(model)}
    adapter = convert_adapter(file, out, conversion(AdapterConversion, asked), hear, replaces=replaces)
    return {"of": "adapter", **asdict(adapter)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
