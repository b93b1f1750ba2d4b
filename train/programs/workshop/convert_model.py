"""A base model from one layout into another: a single file or a diffusers folder, in another number type, pruned.

    python -m train.programs.workshop.convert_model MODEL OUT [--dtype fp16|bf16|fp32] [--vae VAE] [--prediction P]

OUT that ends in .safetensors or .ckpt is a single file, any other a folder. Every tensor is checked on the way.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from curator.contract.base_model.file_hashes import hashes_of
from curator.contract.errors import UserError
from curator.contract.files.whole_files import TakenError
from curator.contract.text import visible
from train import quiet
from train.families.load import load_family
from train.models.save import PICKLE_SUFFIX, write_folder, write_single_file
from train.programs.asked import exit_code_of

_SINGLE = (".safetensors", PICKLE_SUFFIX)


def main(arguments: list[str]) -> int:
    """Convert a model; the exit code."""
    wanted = _parser().parse_args(arguments)

    def said() -> None:
        sys.stdout.write(_converted(wanted) + "\n")

    return exit_code_of(said)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m train.programs.workshop.convert_model", description="convert a base model"
    )
    parser.add_argument("model", help="diffusers folder, single file or hub name")
    parser.add_argument(
        "out", type=Path, help="a .safetensors or .ckpt file, or a folder; it must not be there"
    )
    parser.add_argument(
        "--dtype", choices=("fp16", "bf16", "fp32"), default="fp16", help="numbers in the file"
    )
    parser.add_argument("--vae", default="", help="another VAE to put into it")
    parser.add_argument(
        "--prediction",
        choices=("auto", "epsilon", "v_prediction"),
        default="auto",
        help="what it predicts, where the model does not say",
    )
    return parser


def _converted(wanted: argparse.Namespace) -> str:
    """What was written, in one line.

    Raises:
        UserError: the model cannot be read, or the place cannot be written to.
    """
    out: Path = wanted.out
    if out.exists():
        raise UserError(f"{out} is there already", "give another name, or move it away")
    family = load_family(wanted.model, vae=wanted.vae, prediction=wanted.prediction, warn=_warn)
    title = {"modelspec.title": out.stem}
    try:
        if out.suffix in _SINGLE:
            write_single_file(out, family, title, wanted.dtype)
            hashes = hashes_of(out)
            shown = f"AutoV2 {hashes.autov2}, AutoV3 {hashes.autov3}, legacy {hashes.legacy}"
            return f"{visible(str(out))}: {family.name}, {shown}"
        write_folder(out, family, title, wanted.dtype)
    except TakenError:
        raise UserError(f"{out} is there already", "give another name") from None
    except OSError as error:
        raise UserError(
            f"{out} cannot be written: {error.strerror}", "free space, or look at its rights"
        ) from error
    return f"{visible(str(out))}: {family.name}"


def _warn(what: str, hint: str) -> None:
    sys.stderr.write(f"{what}: {hint}\n")


if __name__ == "__main__":
    quiet.after_imports()
    sys.exit(main(sys.argv[1:]))
