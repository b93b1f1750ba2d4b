"""Regularisation images made by the base model (row S046): `python -m train.programs.class_pictures FOLDER`.

Each line on standard output is a JSON object that says how many images are there: {"done": 3, "total": 100}.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import ExitCode, UserError
from curator.contract.files.whole_files import replace_file
from curator.contract.run.class_pictures import RECORD, ClassPictures, missing, read_job
from train import quiet

if TYPE_CHECKING:
    from train.families.family import Family

Tell = Callable[[int, int], None]


def main(arguments: list[str]) -> int:
    """Make the images that are missing; the exit code."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write(
            "usage: python -m train.programs.class_pictures FOLDER\nmake one with 'frieze subset make-reg'\n"
        )
        return ExitCode.MISTAKE
    try:
        make_missing(Path(arguments[0]), _told)
    except UserError as error:
        sys.stderr.write(f"{error.what}\n{error.hint}\n")
        return ExitCode.MISTAKE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE


def make_missing(folder: Path, tell: Tell) -> int:
    """Make the images that are not there yet; gives how many.

    Raises:
        UserError: no job, or a base model that cannot be loaded.
    """
    job = read_job(folder)
    wanted = missing(folder, job)
    total = len(job.sizes)
    tell(total - len(wanted), total)
    if not wanted:
        return 0
    family = _loaded(job)
    for place, number in enumerate(wanted, 1):
        _make(family, folder, job, number)
        tell(total - len(wanted) + place, total)
    return len(wanted)


def _loaded(job: ClassPictures) -> Family:
    """The base model where it is fastest: heavy imports wait until there is something to make."""
    import torch  # noqa: PLC0415

    from train.families.load import load_family  # noqa: PLC0415

    quiet.after_imports()
    on_gpu = torch.cuda.is_available()
    family = load_family(job.model, clip_skip=job.clip_skip)
    family.place(torch.device("cuda" if on_gpu else "cpu"), torch.bfloat16 if on_gpu else torch.float32)
    return family


def _make(family: Family, folder: Path, job: ClassPictures, number: int) -> None:
    """One image: its caption and its record come first, so that an image that is there has both."""
    from train.preview.samples import Wanted, make_picture, write_picture  # noqa: PLC0415

    width, height = job.sizes[number]
    wanted = Wanted(
        job.prompt, job.negative, job.seed + number, job.steps, job.cfg, width, height, job.sampler
    )
    device = next(family.unet.parameters()).device
    picture = make_picture(family, wanted, device, lambda: True)
    file = folder / job.name(number)
    replace_file(file.with_suffix(".txt"), job.caption.encode())
    about = {"file": file.name, **vars(wanted), "model": job.model, "at": time.time()}
    with (folder / RECORD).open("a", encoding="utf-8") as record:
        record.write(json.dumps(about) + "\n")
    write_picture(file, picture, wanted)


def _told(done: int, total: int) -> None:
    sys.stdout.write(json.dumps({"done": done, "total": total}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
