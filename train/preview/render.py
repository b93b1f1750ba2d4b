"""Sample images from saved weights, as a client makes them: `python -m train.preview.render`, a job on standard input.

The base model is loaded, adapters are added to its weights, and nothing of a training is there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.contract.errors import UserError
from curator.contract.run.sample_job import SampleJob, image_name, read_sample_job
from curator.contract.text import visible
from train import quiet
from train.programs.asked import exit_code_of, recipe_of

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe
    from train.families.family import Family
    from train.preview.samples import Wanted


def main() -> int:
    """Make the images; the exit code."""
    return exit_code_of(lambda: render(read_sample_job(sys.stdin.read())))


def render(job: SampleJob) -> None:
    """Make the images of `job`, telling each.

    Raises:
        UserError: a model or adapter cannot be loaded, or does not fit.
    """
    import torch  # noqa: PLC0415 (heavy imports wait until there is something to make)

    from train.preview.samples import make_picture, wanted_pictures, write_picture  # noqa: PLC0415

    quiet.after_imports()
    recipe = recipe_of(job.recipe.encode())
    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    family = _loaded(recipe, job, device, torch.bfloat16 if on_gpu else torch.float32)
    wanted = wanted_pictures(recipe.sample, family.facts.native_side)
    _tell(done=0, total=len(wanted))
    for number, each in enumerate(wanted):
        file = Path(job.folder, image_name(number))
        write_picture(file, make_picture(family, each, device, lambda: True), each)
        _tell(done=number + 1, total=len(wanted), image=_about(file, each))


def _loaded(recipe: Recipe, job: SampleJob, device: Any, weights: Any) -> Family:
    from train.adapters.apply import apply_adapter  # noqa: PLC0415
    from train.adapters.bundled import unbundled, word_warnings  # noqa: PLC0415
    from train.families.clip_text import rules_of  # noqa: PLC0415
    from train.families.load import load_of_recipe  # noqa: PLC0415
    from train.precision.arithmetic import Arithmetic  # noqa: PLC0415
    from train.trained.embeddings import add_embeddings  # noqa: PLC0415
    from train.weights.lora_file import read_lora  # noqa: PLC0415

    family = load_of_recipe(recipe.model, rules_of(recipe.text), _warn)
    for path, strength in job.adapters:
        tensors, _ = read_lora(Path(path))
        for doubt in word_warnings(unbundled(tensors)[1], visible(path)):
            _warn(*doubt)
        try:
            apply_adapter(family.adapter_roots, tensors, strength)
        except UserError as error:
            raise UserError(f"{path}: {error.what}", error.hint) from error
    family.place(Arithmetic(device, weights))
    if recipe.trains == "embeddings":
        add_embeddings(family, recipe)
    return family


def _warn(what: str, hint: str) -> None:
    _tell(done=0, total=0, doubt={"what": what, "hint": hint})


def _about(file: Path, wanted: Wanted) -> dict[str, str | int | float]:
    return {
        "path": str(file),
        "prompt": wanted.prompt,
        "negative_prompt": wanted.negative,
        "width": wanted.width,
        "height": wanted.height,
        "seed": wanted.seed,
        "scale": wanted.cfg,
        "steps": wanted.steps,
        "sampler": wanted.sampler,
    }


def _tell(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
