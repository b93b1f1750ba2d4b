"""What is published: a model file, and all that its run, its manifest and its own metadata tell of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.base_model.content import content_of, not_readable
from curator.contract.base_model.safetensors_header import read_header
from curator.contract.errors import UserError
from curator.contract.files.json_data import object_of
from curator.contract.manifest.manifest import open_manifest
from curator.contract.recipe.toml_file import load_recipe, read_recipe
from curator.contract.run import origin as written
from curator.contract.run.events import StepDone
from curator.contract.run.run_folder import RunFolder
from curator.runs.follow import Follower
from curator.runs.managing.weights import weights_of
from curator.runs.programs.model_info import info_of

if TYPE_CHECKING:
    from curator.contract.manifest.header import ManifestHeader
    from curator.contract.recipe.recipe import Recipe
    from curator.contract.run.origin import Origin
    from curator.runs.fold import RunView
    from curator.runs.programs.model_info import ModelInfo

_TAGS = 30


class TagCount(NamedTuple):
    """A tag, and how many trained images have it."""

    tag: str
    images: int


@dataclass(frozen=True)
class Data:
    """The images of a training. `rare_tags` are in fewer than a hundred of them, of `all_tags`; 0 where nobody counted.

    `header` is of the manifest, where that is at hand.
    """

    header: ManifestHeader | None = None
    images: int = 0
    held_out: int = 0
    tags: tuple[TagCount, ...] = ()
    all_tags: int = 0
    rare_tags: int = 0


@dataclass(frozen=True)
class Subject:
    """A model file with what is known of it. `doubts` say what could not be read."""

    weights: Path
    info: ModelInfo
    metadata: Mapping[str, str]
    recipe: Recipe | None = None
    origin: Origin | None = None
    run: RunFolder | None = None
    view: RunView | None = None
    step: int | None = None
    seconds: float = 0.0  # of training, where the run is at hand
    data: Data = field(default_factory=Data)
    doubts: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Its title, or the name of the file."""
        return self.info.modelspec.get("title", "") or self.weights.stem

    @property
    def trigger_words(self) -> tuple[str, ...]:
        """The words that call up what was trained, as the manifest or the file says."""
        if self.data.header is not None and (found := written.trigger_words(self.data.header.subsets)):
            return found
        phrase = self.info.modelspec.get("trigger_phrase", "")
        return tuple(word.strip() for word in phrase.split(",") if word.strip())


def subject_of_run(run: RunFolder, checkpoint: str = "") -> Subject:
    """The last weights of a run, or those of `checkpoint`: a file's name, or a step.

    Raises:
        UserError: the run has no such weights, or they cannot be read.
    """
    weights = weights_of(run, checkpoint)
    if weights.is_dir():
        raise UserError(
            f"{weights} is a folder, and one file is published",
            "make one: frieze model convert FOLDER --out FILE.safetensors, and publish that",
        )
    return subject_of_file(weights)


def subject_of_file(path: Path) -> Subject:
    """A model file; of one in the folder of a run the run tells as well.

    Raises:
        UserError: it is no safetensors file, or damaged.
    """
    metadata = metadata_of(path)
    origin = written.origin_of(metadata)
    run = _run_around(path)
    if run is None:
        return Subject(
            path, info_of(path), metadata, recipe_in(metadata), origin, data=_data_said(metadata),
            step=_number(metadata.get("ss_steps", "")),
        )  # fmt: skip
    view, seconds = _told(run)
    data, doubts = _data_of(run, metadata)
    step = next(
        (each.step for each in reversed(view.checkpoints) if run.path / each.path == path),
        _number(metadata.get("ss_steps", "")),
    )
    recipe = written.without_folders(load_recipe(run.recipe_path))
    return Subject(path, info_of(path), metadata, recipe, origin, run, view, step, seconds, data, doubts)


def metadata_of(path: Path) -> Mapping[str, str]:
    """The metadata of a safetensors file.

    Raises:
        UserError: there is none, or it is another kind of file.
    """
    if path.is_dir():
        raise UserError(f"{path!s} is a folder", "give one of the files in it")
    try:
        if content_of(path) != "safetensors":
            raise not_readable(path, "is a pickle, which says nothing of itself", "give a .safetensors file")
        return read_header(path).metadata
    except OSError as error:
        what = "there is no model file" if isinstance(error, FileNotFoundError) else "cannot read"
        raise UserError(f"{what} {path!s}", "give a run's name, or a .safetensors file") from error


def recipe_in(metadata: Mapping[str, str]) -> Recipe | None:
    """The recipe that a file carries; None where it has none that this version reads."""
    text = metadata.get(written.RECIPE)
    if not text:
        return None
    try:
        return read_recipe(text, written.RECIPE)
    except UserError:
        return None


def _run_around(path: Path) -> RunFolder | None:
    run = RunFolder(path.absolute().parent.parent)
    return run if run.info_path.is_file() and run.output_dir.resolve() == path.resolve().parent else None


def _told(run: RunFolder) -> tuple[RunView, float]:
    """The run as its events tell it, and the seconds that its steps took in all."""
    follower, seconds = Follower(run), 0.0
    while True:
        view = follower.poll()
        seconds += sum(event.seconds for event in follower.news if isinstance(event, StepDone))
        if not follower.is_behind:
            return view, seconds


def _data_of(run: RunFolder, metadata: Mapping[str, str]) -> tuple[Data, tuple[str, ...]]:
    """The data as the manifest has them; where that is gone, as the file says."""
    info = run.info()
    try:
        with open_manifest(Path(info.manifest)) as manifest:
            if manifest.digest != info.manifest_digest:
                raise UserError("it is another manifest now", "")
            tags: Counter[str] = Counter()
            for index, subset in enumerate(manifest.header.subsets):
                if not subset.is_reg:
                    tags.update(dict(manifest.tag_counts(index)))
            return _counted(tags, len(manifest.trained), len(manifest.held_out), manifest.header), ()
    except UserError as error:
        said = f"the manifest of the run cannot be asked: {error.what}"
        return _data_said(metadata), (said,)


def _data_said(metadata: Mapping[str, str]) -> Data:
    tags: Counter[str] = Counter()
    try:
        for counts in object_of(metadata.get("ss_tag_frequency", "")).values():
            if isinstance(counts, dict):
                tags.update({tag.strip(): n for tag, n in counts.items() if isinstance(n, int)})
    except ValueError:
        pass  # the file says nothing of tags
    origin = written.origin_of(metadata)
    images = sum(each.images for each in origin.subsets if not each.is_reg) if origin else 0
    return _counted(tags, images, 0, None)


def _counted(tags: Counter[str], images: int, held_out: int, header: ManifestHeader | None) -> Data:
    most = tuple(TagCount(tag, count) for tag, count in tags.most_common(_TAGS))
    rare = sum(count < 100 for count in tags.values())
    return Data(header, images, held_out, most, len(tags), rare)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
