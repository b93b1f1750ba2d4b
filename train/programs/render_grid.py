"""The images of a grid, from saved weights, as a client makes them: `python -m train.programs.render_grid < JOB`.

Each line on standard output is a JSON object: how many images are done, {"done": 3, "total": 100}, with what became of
the last one, "image" or "failed", or with a "doubt". A model or adapter that cannot be used costs its own images only.
"""

from __future__ import annotations

import hashlib
import sys
import time
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.files.json_data import to_json
from curator.contract.files.whole_files import replace_file
from curator.contract.grid.job import GridImage, GridJob, MadeImage, image_file, read_grid_job, record_file
from train import quiet
from train.programs.asked import exit_code_of, recipe_of
from train.programs.followed import put_line

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe
    from train.preview.stage import Stage


def main() -> int:
    """Make the images; the exit code."""
    return exit_code_of(lambda: render_grid(read_grid_job(sys.stdin.read())))


def render_grid(job: GridJob) -> None:
    """Make the images of `job`, telling each; those of one model are together."""
    done = 0
    put_line(done=0, total=len(job.images))
    for model, images in groupby(job.images, key=lambda image: image.model):
        done = _of_model(job, recipe_of(job.models[model].encode()), list(images), done)


def _of_model(job: GridJob, recipe: Recipe, images: list[GridImage], done: int) -> int:
    """Make images of one model; gives how many are done with them."""
    from train.preview.stage import Stage  # noqa: PLC0415 (imports torch)

    quiet.after_imports()
    total = len(job.images)

    def warn(what: str, hint: str) -> None:
        put_line(done=done, total=total, doubt={"what": what, "hint": hint})

    stage: Stage | UserError
    try:
        stage = Stage(recipe, [file for image in images for file, _ in image.adapters], warn)
    except UserError as error:
        stage = error
    for image in images:
        done += 1
        try:
            if isinstance(stage, UserError):
                raise stage
            made = _make(stage, job, recipe, image)
        except UserError as error:
            put_line(
                done=done, total=total, failed={"name": image.name, "what": error.what, "hint": error.hint}
            )
        else:
            put_line(done=done, total=total, image={"name": made.name, "seconds": made.seconds})
    return done


def _make(stage: Stage, job: GridJob, recipe: Recipe, image: GridImage) -> MadeImage:
    """One image: the file beside it is written last, so that an image which has one is whole."""
    from train.preview.collapse import collapse_of  # noqa: PLC0415
    from train.preview.samples import Wanted, denoise, first_noise, to_picture, write_picture  # noqa: PLC0415

    began = time.monotonic()
    family = stage.show(image.adapters, image.clip_skip)
    side = family.facts.native_side
    wanted = Wanted(
        image.prompt, image.negative_prompt, image.seed, image.steps, image.scale,
        image.width or side, image.height or side, image.sampler,
    )  # fmt: skip
    pixels = denoise(family, wanted, stage.device, lambda: True)
    collapsed = collapse_of(pixels)
    folder = Path(job.folder)
    more = _more(image, recipe)
    write_picture(image_file(folder, image.name), to_picture(pixels.nan_to_num()), wanted, more=more)
    settings = {
        **asdict(image), "model": recipe.model.path, "width": wanted.width, "height": wanted.height,
        "noise": _noise(first_noise(wanted)[0].numpy().tobytes()), "collapsed": collapsed,
        "seconds": round(time.monotonic() - began, 3),
    }  # fmt: skip
    made = MadeImage(**settings)
    replace_file(record_file(folder, image.name), f"{to_json(asdict(made), indent=1)}\n".encode())
    return made


def _noise(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _more(image: GridImage, recipe: Recipe) -> dict[str, str | int]:
    """What else made the image, behind what every image says."""
    adapters = ", ".join(f"{Path(file).stem}: {ratio:g}" for file, ratio in image.adapters)
    return {
        "Model": Path(recipe.model.path).stem,
        "Clip skip": image.clip_skip,
        **({"Adapters": adapters} if adapters else {}),
    }


if __name__ == "__main__":
    sys.exit(main())
