"""A tiny base model, made, taught and written; `tiny_models` says what it is.

    python -m train.tiny.base OUT [--family sd1|sd2|sdxl] [--seed N]
                              [--pictures FILE_OR_MANIFEST] [--vae-steps N] [--unet-steps N]

Without images its weights are random. With images (SD1 only) its VAE learns to draw them and its UNet to denoise
them, just enough that samples are recognisably coloured blobs. Equal seeds and steps give equal weights on a CPU.
Progress is one plain line a time: `tiny-base <phase> <done>/<total> loss <x>`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from curator.contract.caption.clip_tokens import CLIP_VOCAB
from curator.contract.errors import ExitCode, UserError
from curator.contract.files.regular_file import TEXT_BYTES, read_regular
from curator.contract.flatten import flattened
from curator.contract.locations import MANIFEST_SUFFIX
from curator.contract.manifest.manifest import open_manifest
from train import quiet
from train.data.dataset import picture_of
from train.tiny.models import tiny_sd1, tiny_sd2, tiny_sdxl
from train.tiny.teach import Lesson, teach

_MAKERS: dict[str, Callable[[str], Any]] = {"sd1": tiny_sd1, "sd2": tiny_sd2, "sdxl": tiny_sdxl}


def build(seed: int, prediction: str = "epsilon", family: str = "sd1") -> Any:
    """A pipeline with random weights, a function of the seed; torch's own generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _MAKERS[family](prediction)


def save(pipeline: Any, folder: Path) -> None:
    """A diffusers folder. transformers from 5.6 on writes text-encoder names that older ones do not know."""
    pipeline.save_pretrained(str(folder))
    weights = folder / "text_encoder" / "model.safetensors"
    tensors = load_file(weights)
    named = {
        name if name.startswith("text_model.") else f"text_model.{name}": value
        for name, value in tensors.items()
    }
    save_file(named, weights, {"format": "pt"})
    for tokenizer in folder.glob("tokenizer*"):
        for name in ("vocab.json", "merges.txt"):  # what transformers 4 reads
            (tokenizer / name).write_bytes((CLIP_VOCAB / name).read_bytes())


def read_lessons(source: Path) -> list[Lesson]:
    """Images of a manifest with their captions, or of a text file: a path a line, a tab, a caption."""
    if source.suffix == MANIFEST_SUFFIX:
        with open_manifest(source) as manifest:
            pictures = [picture_of(manifest, row) for row in range(len(manifest))]
        found = [(picture.file.path, picture.plain_caption) for picture in pictures]
    else:
        lines = [
            line.partition("\t")
            for line in read_regular(source, limit_bytes=TEXT_BYTES).decode().splitlines()
            if line.strip()
        ]
        found = [(Path(path), caption) for path, _, caption in lines]
    if not found:
        raise UserError(f"{source} names no image", "give a manifest, or a file with a path a line")
    return [Lesson(_open(path), caption) for path, caption in found]


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as opened:
            return flattened(opened)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} cannot be read as an image", "leave it out") from error


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@dataclass
class Lines:
    """Prints progress: the first, the last and every so many."""

    every: int = 10

    def __call__(self, phase: str, done: int, total: int, loss: float) -> None:
        if done in (1, total) or done % self.every == 0:
            _say(f"tiny-base {phase} {done}/{total} loss {loss:.4f}")


def main(arguments: list[str]) -> int:
    """Build, teach and save a model; the exit code."""
    wanted = _parser().parse_args(arguments)
    try:
        pipeline = _made(wanted)
        save(pipeline, wanted.out)
    except UserError as error:
        sys.stderr.write(f"{error.what}\n{error.hint}\n")
        return ExitCode.MISTAKE
    _say(f"tiny-base saved {wanted.out}")
    return ExitCode.DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m train.tiny.base", description="make a tiny base model")
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--family", choices=tuple(_MAKERS), default="sd1", help="whose architecture it has")
    parser.add_argument(
        "--pictures", type=Path, help="a manifest, or a text file with a path (tab, caption) a line"
    )
    parser.add_argument("--vae-steps", type=int, default=120)
    parser.add_argument("--unet-steps", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _made(wanted: argparse.Namespace) -> Any:
    if not wanted.pictures:
        return build(wanted.seed, family=wanted.family)
    if wanted.family != "sd1":
        raise UserError(f"a tiny {wanted.family} model cannot be taught", "leave out --pictures")
    pipeline = build(wanted.seed, "v_prediction")
    teach(
        pipeline,
        read_lessons(wanted.pictures),
        (wanted.vae_steps, wanted.unet_steps),
        wanted.seed,
        Lines(),
    )
    return pipeline


if __name__ == "__main__":
    quiet.after_imports()
    sys.exit(main(sys.argv[1:]))
