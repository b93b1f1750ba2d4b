"""Check of a LoRA file: diffusers loads it, and it changes what our own reading says it changes.

    python -m train.programs.verify_lora BASE LORA [--json]

The same noise, times, captions and cuts go through the model three times: without the LoRA, with the LoRA as
diffusers' `load_lora_weights` applies it, and with it added to the weights by `train.adapters.apply`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from curator.contract.errors import ExitCode, UserError
from curator.contract.files.json_data import to_json
from curator.contract.files.picture_file import file_sha256
from curator.contract.text import counted, visible
from train import quiet
from train.adapters.apply import apply_adapter
from train.adapters.bundled import unbundled
from train.families.conditioning import Framing
from train.families.load import load_family, pipeline_of
from train.objective.noise import keyed_normal
from train.weights.lora_file import read_lora

if TYPE_CHECKING:
    from train.families.family import Family

_TOLERANCE = 1e-4  # float32 sums in another order, on outputs near 1
_CAPTIONS = ("a photo of a cat", "")
_FRAMINGS = (Framing((640, 480), (0, 0), (64, 64)), Framing((800, 600), (16, 8), (64, 64)))


@dataclass(frozen=True)
class Verdict:
    """`difference` is the largest between the two readings, `effect` the largest the LoRA makes at all.

    `words` are those the file has embeddings of, which neither reading looks at.
    """

    lora: str
    sha256: str
    modules: int
    effect: float
    difference: float
    equal: bool
    words: tuple[str, ...] = ()


def verify(base: str, lora: Path) -> Verdict:
    """Compare the two readings of `lora` on the model `base`.

    Raises:
        UserError: one of them cannot be read, or the LoRA does not fit the model.
    """
    tensors, words = unbundled(read_lora(lora)[0])
    ours = load_family(base)
    plain = _outputs(ours)
    modules = apply_adapter(ours.adapter_roots, tensors)
    mine = _outputs(ours)
    theirs = load_family(base)
    try:
        pipeline_of(theirs).load_lora_weights(dict(tensors))
    except (ValueError, RuntimeError, KeyError) as error:
        raise UserError(
            f"diffusers does not load {lora}: {error}",
            "it reads LoRA and LoCon alone; or the file is damaged",
        ) from error
    difference = float((_outputs(theirs) - mine).abs().max())
    effect = float((mine - plain).abs().max())
    return Verdict(
        str(lora),
        file_sha256(lora),
        modules,
        effect,
        difference,
        difference <= _TOLERANCE,
        tuple(sorted(words)),
    )


@torch.no_grad()
def _outputs(family: Family) -> Tensor:
    """What text encoders and UNet say to fixed captions and noise, in one row."""
    told = family.condition(_CAPTIONS, _FRAMINGS)
    noise = torch.stack([keyed_normal((4, 8, 8), index) for index in range(len(_CAPTIONS))])
    predicted = family.predict(noise, torch.tensor([200, 700]), told)
    pooled = [] if told.pooled is None else [told.pooled.flatten()]
    return torch.cat([told.states.flatten(), *pooled, predicted.flatten()])


def main(arguments: list[str]) -> int:
    """Compare two readings of a LoRA; the exit code is NO where they differ."""
    parser = argparse.ArgumentParser(
        prog="python -m train.programs.verify_lora", description="load a LoRA in diffusers"
    )
    parser.add_argument("base", help="the base model the LoRA is for")
    parser.add_argument("lora", type=Path, help="the LoRA file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    wanted = parser.parse_args(arguments)
    try:
        verdict = verify(wanted.base, wanted.lora)
    except UserError as error:
        sys.stderr.write(f"{error.what}\n{error.hint}\n")
        return ExitCode.MISTAKE
    sys.stdout.write((to_json(asdict(verdict)) if wanted.json else _sentence(verdict)) + "\n")
    return ExitCode.DONE if verdict.equal else ExitCode.NO


def _sentence(verdict: Verdict) -> str:
    word = "equal to" if verdict.equal else "NOT equal to"
    return (
        f"{counted(verdict.modules, 'module')}; diffusers' reading is {word} ours: "
        f"largest difference {verdict.difference:.1e}, effect of the LoRA {verdict.effect:.1e}{_told_words(verdict)}"
    )


def _told_words(verdict: Verdict) -> str:
    words = ", ".join(f"'{visible(word)}'" for word in verdict.words)
    return f"; embeddings of {words} lie in the file as well and were not compared" if words else ""


if __name__ == "__main__":
    quiet.after_imports()
    sys.exit(main(sys.argv[1:]))
