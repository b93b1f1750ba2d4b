"""A publication: a subject, its card and what goes with them, ready to be shown, staged and uploaded."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from curator.contract import locations
from curator.contract.errors import UserError
from curator.contract.files.regular_file import TEXT_BYTES, read_regular
from curator.contract.recipe.toml_file import dump_recipe
from curator.publish import state
from curator.publish.card.card import Card, card_of
from curator.publish.choices import MAIN
from curator.publish.metadata import published_metadata, thumbnail_of, unsaid
from curator.publish.upload.hub import small_file
from curator.publish.upload.job import UploadFile, UploadJob, upload_folder, write_job
from curator.publish.weights_copy import check_space, copy_with_metadata
from curator.runs.worker_process import begin

if TYPE_CHECKING:
    from curator.contract.progress import Progress
    from curator.contract.run.run_folder import RunFolder
    from curator.publish.choices import CardChoices, Target
    from curator.publish.subject import Subject

WORKER = ("-m", "curator.publish")


class PlannedFile(NamedTuple):
    """A file that would be uploaded; its size may change a little with its metadata."""

    remote: str
    bytes: int


@dataclass(frozen=True)
class Publication:
    """What would be uploaded. `doubts` are sentences for whoever publishes."""

    subject: Subject
    choices: CardChoices
    target: Target
    card: Card
    doubts: tuple[str, ...]

    @property
    def files(self) -> list[PlannedFile]:
        """The files of the repository that are written."""
        subject, merged = self.subject, self.card.merged
        planned = [
            PlannedFile(locations.CARD, len(merged.text.encode())),
            PlannedFile(subject.weights.name, subject.info.bytes),
            *(PlannedFile(each.remote, each.path.stat().st_size) for each in self.card.samples),
        ]
        if subject.recipe is not None:
            planned.append(PlannedFile(locations.RECIPE, len(dump_recipe(subject.recipe).encode())))
        if self.target.with_state and subject.run is not None:
            found = state.state_files(subject.run)
            planned += [PlannedFile(f"{state.REMOTE}/{name}", file.stat().st_size) for name, file in found]
            planned.append(PlannedFile(f"{state.REMOTE}/{state.LISTING}", 0))
        return planned

    @property
    def folder(self) -> RunFolder:
        """Where the upload has its files and its events."""
        return upload_folder(self.subject.weights, self.subject.run, self.target.repo, self.target.revision)


def prepare(
    subject: Subject, choices: CardChoices, target: Target, existing: str | None, *, rewrite: bool = False
) -> Publication:
    """All that is told before an upload; `existing` is the card that is there.

    Raises:
        UserError: there is no state to upload, or the thumbnail is no image.
    """
    if target.with_state:
        if subject.run is None:
            raise UserError("--with-state uploads the state of a run", "give a run instead of a model file")
        state.newest_state(subject.run)
    if choices.thumbnail is not None:
        thumbnail_of(choices.thumbnail)
    card = card_of(subject, choices, existing, rewrite=rewrite)
    return Publication(subject, choices, target, card, tuple(_doubts(subject, choices, target, card)))


def _doubts(subject: Subject, choices: CardChoices, target: Target, card: Card) -> list[str]:
    said = list(subject.doubts)
    if subject.view is not None and subject.view.status != "finished":
        said.append(
            f"the run is {subject.view.status} after step {subject.view.step:,} of {subject.view.total_steps:,}:"
            " what it has written by now is published"
        )
    if not (choices.license or subject.info.modelspec.get("license")):
        said.append("no licence is stated: give --license, or set metadata.license in the recipe")
    if subject.run is None and subject.origin is None:
        said.append("the file tells of no run: the card has what its metadata say")
    said += [f"modelspec asks for {name}, and nobody said it" for name in unsaid(subject)]
    said += [f"'{name}' of the card was edited by hand and stays" for name in card.merged.kept]
    said += [f"'{name}' of the card was taken out by hand and stays out" for name in card.merged.left_out]
    if target.with_state and target.is_public:
        said.append("the state names folders and files of this machine, and --public shows them to everybody")
    return said


def existing_card(target: Target, given: Path | None) -> str | None:
    """The text of the card that is there: the file that was given, else that of the repository; None where is none.

    Raises:
        UserError: the file cannot be read as text, or the hub cannot be asked.
    """
    if given is not None:
        return _text(given)
    for revision in dict.fromkeys((target.revision, MAIN)):
        found = small_file(target.repo, locations.CARD, revision)
        if found is not None:
            return found.decode("utf-8", "replace")
    return None


def _text(path: Path) -> str:
    try:
        return read_regular(path, limit_bytes=TEXT_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as text", "give a card in Markdown") from error


def stage(publication: Publication, progress: Progress) -> RunFolder:
    """Write all that is uploaded into the folder of the upload; `progress` hears of bytes.

    Raises:
        UserError: too little space, which is looked at first, or it cannot be written.
    """
    folder, subject, target = publication.folder, publication.subject, publication.target
    if folder.status() == "running":
        raise UserError(
            f"{target.repo} is being uploaded to from {folder.path}",
            "wait for it with --wait, or stop it with --stop",
        )
    place = folder.path / locations.UPLOAD_FILES
    try:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        check_space(place, sum(file.bytes for file in publication.files))
        written = _written(publication, place, progress)
        files = tuple(
            UploadFile(remote, str(path.absolute()), path.stat().st_size) for remote, path in written
        )
        step = f", step {subject.step:,}" if subject.step is not None else ""
        message = f"{subject.weights.name}{step}"
        write_job(
            folder,
            UploadJob(target.repo, target.revision, target.is_public, message, subject.weights.name, files),
        )
    except OSError as error:
        raise UserError(
            f"{folder.path} cannot be written: {error.strerror or error}", "free space, or check rights"
        ) from error
    return folder


def _written(publication: Publication, place: Path, progress: Progress) -> list[tuple[str, Path]]:
    subject, samples = publication.subject, publication.card.samples
    card = place / locations.CARD
    card.write_text(publication.card.merged.text, "utf-8")
    weights = place / subject.weights.name
    metadata = published_metadata(subject, publication.choices, samples)
    copy_with_metadata(subject.weights, weights, metadata, progress)
    written = [(locations.CARD, card), (subject.weights.name, weights)]
    for each in samples:
        copy = place / each.remote
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(each.path, copy)
        written.append((each.remote, copy))
    if subject.recipe is not None:
        recipe = place / locations.RECIPE
        recipe.write_text(dump_recipe(subject.recipe), "utf-8")
        written.append((locations.RECIPE, recipe))
    if publication.target.with_state and subject.run is not None:
        kept = state.stage_state(subject.run, place / state.REMOTE)
        written += [(f"{state.REMOTE}/{name}", path) for name, path in kept]
    return written


def start(folder: RunFolder) -> int:
    """Upload what is staged in the background; the worker's process id.

    Raises:
        UserError: it could not begin.
    """
    folder.take_requests()  # what a dead worker was asked for is not meant for this one
    return begin(folder, WORKER, 1, "the upload")
