"""The job of making regularisation images with a base model (row S046): a file in their folder.

The curator writes `job.json`; `python -m train.programs.class_pictures FOLDER` makes what is missing, each image with
its caption beside it, and records every one in `made.jsonl`. Stopped and started again, it goes on where it was.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from curator.contract.buckets import Size  # noqa: TC001 (`checked` reads the annotations of the job)
from curator.contract.errors import UserError
from curator.contract.files.json_data import checked, read_object, to_json
from curator.contract.files.whole_files import replace_file

JOB = "job.json"
RECORD = "made.jsonl"


@dataclass(frozen=True)
class ClassPictures:
    """A job: one image a size, in pixels; image n has the seed `seed + n`.

    `caption` is what their caption files say. `model` is a path as recipes have it.
    """

    model: str
    prompt: str
    caption: str
    sizes: tuple[Size, ...]
    negative: str = ""
    seed: int = 0
    steps: int = 28
    cfg: float = 7.0
    sampler: str = "ddim"
    clip_skip: int = 1

    def name(self, number: int) -> str:
        """The file of image `number`, from 0."""
        return f"class-{number:05}.png"


def write_job(folder: Path, job: ClassPictures) -> None:
    """Write the job into `folder`, made if it is not there, in place of one that has no image yet.

    Raises:
        UserError: the folder holds another job, whose images would be mixed with these, or cannot be written.
    """
    file = folder / JOB
    if file.exists() and (earlier := read_job(folder)) != job and _has_begun(folder, earlier):
        raise UserError(f"{folder} holds images that were asked for otherwise", "choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(file, to_json(asdict(job), indent=1).encode())
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error}", "choose another folder") from error


def read_job(folder: Path) -> ClassPictures:
    """The job in `folder`.

    Raises:
        UserError: there is none, or it is damaged.
    """
    try:
        return checked(ClassPictures, read_object(folder / JOB))
    except FileNotFoundError as error:
        raise UserError(f"{folder} holds no job", "make one with 'frieze subset make-reg'") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / JOB} is damaged", "remove the folder and ask again") from error


def _has_begun(folder: Path, job: ClassPictures) -> bool:
    return len(missing(folder, job)) < len(job.sizes)


def missing(folder: Path, job: ClassPictures) -> list[int]:
    """The images still to make."""
    return [number for number in range(len(job.sizes)) if not (folder / job.name(number)).is_file()]
