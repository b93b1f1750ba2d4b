"""A job of a tag model: a folder with what to look at, and what came of it so far.

`proposals/<date>-<model>/` holds `job.json`, `images.jsonl` (one image a line, each content once), `parts/` (answers),
`labels.json`, and the worker's files as in a run: `events.jsonl`, `requests/`, `log.txt`, `worker.json`, `exit.json`.
The curator writes the first two, the worker the rest. Stopped or killed and started again, it goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from curator.contract.errors import UserError
from curator.contract.files.json_data import checked, object_of, read_object, to_json
from curator.contract.files.regular_file import open_regular, read_regular
from curator.contract.files.whole_files import drafted_file, replace_file
from curator.contract.tagging.cluster import PARQUET
from curator.contract.tagging.part import PART
from curator.contract.tagging.zoo import Kind, ModelRow  # noqa: TC001 (`checked` reads the annotations of the job)

JOB, IMAGES, LABELS, PARTS = "job.json", "images.jsonl", "labels.json", "parts"
FLOOR = 0.05  # probabilities at or below it are not kept
_MOST_LABEL_BYTES = 1 << 26
_HASH_BYTES = 32
Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class Captioning:
    """How a captioner writes; `beams` 1 with `top_p` above 0 draws words, else it searches."""

    max_length: int = 75
    min_length: int = 5
    beams: int = 3
    top_p: float = 0.0
    seed: int = 0
    prompt: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.min_length <= self.max_length or self.beams < 1 or not 0 <= self.top_p <= 1:
            raise ValueError("lengths and beams are above 0, 'top_p' from 0 to 1")


@dataclass(frozen=True)
class TaggingJob:
    """What is asked: `folder` holds the files of `model`, `images` is how many there are to look at.

    `batch_size` 0: as large as suits the model. `processes` 0: as the machine's cores allow. `cluster`: the address of
    the Ray cluster that does it, empty for this machine; `paths`: where its machines find folders of ours.
    """

    model: str
    folder: str
    row: ModelRow
    images: int
    device: Device = "auto"
    batch_size: int = 0
    processes: int = 0
    floor: float = FLOOR
    captioning: Captioning = field(default_factory=Captioning)
    filter: str = ""
    created_at: str = ""
    cluster: str = ""
    paths: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.images < 0 or self.batch_size < 0 or self.processes < 0 or not 0 <= self.floor < 1:
            raise ValueError("a number is below 0, or 'floor' not below 1")


@dataclass(frozen=True)
class ImageEntry:
    """One image to look at: its place in the job, from 0, its content's sha256, and where it lies."""

    number: int
    sha256: str
    path: str


@dataclass(frozen=True)
class LoadedModel:
    """What the worker found: by `hash` (see `identity_of`) and content its answers are kept."""

    hash: str
    kind: Kind
    device: str
    names: tuple[str, ...]
    classes: tuple[str, ...]


def write_job(folder: Path, job: TaggingJob, images: Iterable[ImageEntry]) -> None:
    """Fill an empty job folder; `job.json` comes last.

    Raises:
        OSError: it cannot be written.
    """
    for inside in (PARTS, "requests"):
        (folder / inside).mkdir(parents=True)
    with drafted_file(folder / IMAGES) as draft, draft.open("w", encoding="ascii") as file:
        for image in images:
            file.write(json.dumps([image.sha256, image.path]) + "\n")
    replace_file(folder / JOB, to_json(asdict(job), indent=1).encode())


def read_job(folder: Path) -> TaggingJob:
    """The job in `folder`.

    Raises:
        UserError: there is none, or it is damaged.
    """
    try:
        return checked(TaggingJob, read_object(folder / JOB))
    except FileNotFoundError as error:
        raise UserError(f"{folder} holds no job", "give a folder with job.json") from error
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder / JOB} is damaged: {_why(error)}",
            "remove the folder and ask again",
        ) from error


def read_images(folder: Path) -> Iterator[ImageEntry]:
    """The images of a job, in order.

    Raises:
        UserError: the list is damaged.
    """
    place = str(folder / IMAGES)
    try:
        with open_regular(folder / IMAGES) as file:
            for number, line in enumerate(file):
                yield _entry(number, line)
    except OSError as error:
        raise UserError(
            f"{place} cannot be read: {error.strerror}", "remove the folder and ask again"
        ) from error
    except ValueError as error:
        raise UserError(f"{place} is damaged in {error}", "remove the folder and ask again") from error


def _entry(number: int, line: bytes) -> ImageEntry:
    try:
        sha256, path = json.loads(line)
        if len(bytes.fromhex(sha256)) == _HASH_BYTES and isinstance(path, str):
            return ImageEntry(number, sha256, path)
    except (ValueError, TypeError):
        pass
    raise ValueError(f"line {number + 1}")


def write_loaded(folder: Path, loaded: LoadedModel) -> None:
    """Say what the model is, before its first answer."""
    replace_file(folder / LABELS, to_json(asdict(loaded)).encode())


def read_loaded(folder: Path) -> LoadedModel | None:
    """What the worker said the model is; None before it was loaded."""
    try:
        return checked(LoadedModel, object_of(read_regular(folder / LABELS, limit_bytes=_MOST_LABEL_BYTES)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder / LABELS} is damaged: {_why(error)}",
            "remove the folder and ask again",
        ) from error


def part_files(folder: Path) -> list[Path]:
    """The parts that are whole, by name."""
    return sorted(file for suffix in (PART, PARQUET) for file in (folder / PARTS).glob(f"*{suffix}"))


def _why(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
