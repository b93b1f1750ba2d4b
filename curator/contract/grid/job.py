"""The job of rendering the images of a grid: what the curator hands to `python -m train.programs.render_grid`.

It goes through standard input as JSON. Standard output answers a line of JSON for each image, with what it came to.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.files.json_data import checked, object_of, read_object, to_json
from curator.contract.locations import GRID_IMAGES


@dataclass(frozen=True)
class GridImage:
    """One image. `model` is its place among the job's; sides are in pixels, 0 the model's own; `scale` is of guidance.

    `adapters` are files with the ratio of each.
    """

    name: str
    model: int
    adapters: tuple[tuple[str, float], ...]
    clip_skip: int
    prompt: str
    negative_prompt: str
    seed: int
    steps: int
    scale: float
    width: int
    height: int
    sampler: str


@dataclass(frozen=True)
class GridJob:
    """`models` are recipes, complete TOML, of which model, text rules and embeddings count."""

    models: tuple[str, ...]
    images: tuple[GridImage, ...]
    folder: str

    def to_json(self) -> str:
        """The job as it is handed over."""
        return to_json(asdict(self))


@dataclass(frozen=True)
class MadeImage:
    """What an image was made with and came to: the file of JSON beside it, which is written last.

    `noise` is the start of the sha256 of the noise that the image began as; `collapsed` says how the image broke down,
    "" where it did not; `seconds` is what it took.
    """

    name: str
    model: str
    adapters: tuple[tuple[str, float], ...]
    clip_skip: int
    prompt: str
    negative_prompt: str
    seed: int
    steps: int
    scale: float
    width: int
    height: int
    sampler: str
    noise: str
    collapsed: str
    seconds: float


def read_grid_job(text: str) -> GridJob:
    """The job in a text.

    Raises:
        UserError: there is none.
    """
    try:
        return checked(GridJob, object_of(text))
    except ValueError as error:
        raise UserError(f"this is no job: it {error}", "make images with 'frieze grid'") from error


def image_file(folder: Path, name: str) -> Path:
    """The image of that name in the folder of a grid."""
    return folder / GRID_IMAGES / f"{name}.png"


def record_file(folder: Path, name: str) -> Path:
    """What is told of that image."""
    return folder / GRID_IMAGES / f"{name}.json"


def made_image(folder: Path, name: str) -> MadeImage | None:
    """What is told of an image that is there and whole; None where it is still to be made."""
    try:
        made = checked(MadeImage, read_object(record_file(folder, name)), passes_over=True)
    except (OSError, ValueError):
        return None
    return made if made.name == name and image_file(folder, name).is_file() else None


def name_of(settings: object) -> str:
    """The name of the image that is made with these settings: other settings, another name."""
    return hashlib.sha256(to_json(settings).encode()).hexdigest()[:16]
