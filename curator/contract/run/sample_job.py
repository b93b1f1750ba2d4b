"""The job of rendering sample images from saved weights: what the curator hands to `python -m train.preview.render`.

It goes through standard input as JSON. Standard output answers a line for each image: `{"done": 1, "total": 2,
"image": {...}}`, one of `done` 0 before the first, and one with a `doubt` for what is doubtful in the model.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from curator.contract.errors import UserError
from curator.contract.files.json_data import checked, object_of, to_json


@dataclass(frozen=True)
class SampleJob:
    """`recipe` is complete TOML: its model, text rules and sample images count, and the word of its embeddings.

    `adapters` are files and the strength of each. `folder` is where the images go.
    """

    recipe: str
    adapters: tuple[tuple[str, float], ...]
    folder: str

    def to_json(self) -> str:
        """The job as it is handed over."""
        return to_json(asdict(self))


def image_name(number: int) -> str:
    """The file of image `number`, from 0."""
    return f"sample-{number:04}.png"


def read_sample_job(text: str) -> SampleJob:
    """The job in a text.

    Raises:
        UserError: there is none.
    """
    try:
        return checked(SampleJob, object_of(text))
    except ValueError as error:
        raise UserError(f"this is no job: it {error}", "make images with 'frieze sample'") from error
