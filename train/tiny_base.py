"""Decides what a tiny base model is: SD1's true architecture at a hundredth of its width, with CLIP's real vocabulary.

    python -m train.tiny_base OUT [--pictures FILE_OR_MANIFEST] [--vae-steps N] [--unet-steps N] [--seed N]

Without pictures its weights are random. With pictures its VAE learns to draw them and its UNet to denoise them,
just enough that samples are recognisably coloured blobs. Equal seeds and steps give equal weights on a CPU.
Progress is one plain line a time: `tiny-base <phase> <done>/<total> loss <x>`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

from curator.contract.errors import UserError
from curator.contract.manifest import SUFFIX, open_manifest
from curator.contract.text import visible
from train import quiet
from train.data.dataset import picture_of
from train.data.images import to_rgb
from train.families.load import CLIP_VOCAB, clip_tokenizer
from train.tiny_teach import Lesson, teach
from train.tiny_vae import start_as_averaging


def build(seed: int, prediction: str = "epsilon") -> StableDiffusionPipeline:
    """A model with random weights, a function of the seed; torch's own generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return StableDiffusionPipeline(
            vae=_vae(),
            text_encoder=_text_encoder(),
            tokenizer=clip_tokenizer(),
            unet=_unet(),
            scheduler=_scheduler(prediction),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )


def _vae() -> AutoencoderKL:
    vae = AutoencoderKL(
        block_out_channels=(16, 32, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=4,
        sample_size=128,
    )
    start_as_averaging(vae)
    return vae


def _unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(32, 64, 64, 64),
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        layers_per_block=2,
        norm_num_groups=8,
        attention_head_dim=8,
        cross_attention_dim=64,
    )


def _text_encoder() -> CLIPTextModel:
    encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=49408,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=4,
            num_attention_heads=4,
            max_position_embeddings=77,
            projection_dim=64,
            hidden_act="quick_gelu",
            bos_token_id=0,
            eos_token_id=2,
            pad_token_id=1,
        )
    )
    with torch.no_grad():  # at CLIP's own start words hardly differ, and a minute is too short to part them
        encoder.get_input_embeddings().weight.mul_(10.0)
    return encoder


def _scheduler(prediction: str) -> DDIMScheduler:
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=prediction,
    )


def save(pipeline: StableDiffusionPipeline, folder: Path) -> None:
    """A diffusers folder. transformers from 5.6 on writes text-encoder names that older ones do not know."""
    pipeline.save_pretrained(str(folder))
    weights = folder / "text_encoder" / "model.safetensors"
    tensors = load_file(weights)
    named = {
        name if name.startswith("text_model.") else f"text_model.{name}": value
        for name, value in tensors.items()
    }
    save_file(named, weights, {"format": "pt"})
    tokenizer = folder / "tokenizer"
    for name in ("vocab.json", "merges.txt"):  # what transformers 4 reads
        (tokenizer / name).write_bytes((CLIP_VOCAB / name).read_bytes())


def read_lessons(source: Path) -> list[Lesson]:
    """Pictures of a manifest with their captions, or of a text file: a path a line, a tab, a caption."""
    if source.suffix == SUFFIX:
        with open_manifest(source) as manifest:
            pictures = [picture_of(manifest, row) for row in range(len(manifest))]
        found = [(picture.file.path, picture.plain_caption) for picture in pictures]
    else:
        lines = [line.partition("\t") for line in source.read_text("utf-8").splitlines() if line.strip()]
        found = [(Path(path), caption) for path, _, caption in lines]
    if not found:
        raise UserError(f"{source} names no picture", "give a manifest, or a file with a path a line")
    return [Lesson(_open(path), caption) for path, caption in found]


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as opened:
            return to_rgb(opened)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{visible(str(path))} cannot be read as a picture", "leave it out") from error


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
    parser = argparse.ArgumentParser(
        prog="python -m train.tiny_base", description="make a tiny SD1-shaped model"
    )
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument(
        "--pictures", type=Path, help="a manifest, or a text file with a path (tab, caption) a line"
    )
    parser.add_argument("--vae-steps", type=int, default=120)
    parser.add_argument("--unet-steps", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args(arguments)
    try:
        pipeline = build(wanted.seed, "v_prediction" if wanted.pictures else "epsilon")
        if wanted.pictures:
            steps = (wanted.vae_steps, wanted.unet_steps)
            teach(pipeline, read_lessons(wanted.pictures), steps, wanted.seed, Lines())
        save(pipeline, wanted.out)
    except UserError as error:
        sys.stderr.write(f"{error.what}\n{error.hint}\n")
        return 2
    _say(f"tiny-base saved {wanted.out}")
    return 0


if __name__ == "__main__":
    quiet.after_imports()
    sys.exit(main(sys.argv[1:]))
