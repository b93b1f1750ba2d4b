"""Tag models at work on a collection: asked in jobs, their answers looked at, accepted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.errors import UserError, did_you_mean
from curator.contract.locations import proposals_folder
from curator.index.sets.bitmaps import bitmap_of

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from pyroaring import BitMap

    from curator.contract.run.run_folder import RunFolder
    from curator.contract.tagging.job import Captioning, Device, ImageEntry, TaggingJob
    from curator.contract.tagging.zoo import ZooModel
    from curator.index.changes.edits import Commit
    from curator.index.collection import Collection
    from curator.proposals.acceptance import Acceptance, PlannedAcceptance
    from curator.proposals.collect import Collected
    from curator.proposals.kept_model import KeptModel
    from curator.proposals.queries import ByContent, ImageProposals, ProposedTag
    from curator.proposals.thresholds import Thresholds
    from curator.runs.tagging import JobFollower, JobView

    Images = Iterable[int] | BitMap

_PAGE = 4096
_SORTED_IMAGES = 100_000  # more are told as they are stored: in no order, but in bounded memory


@dataclass(frozen=True)
class HowToPropose:
    """How a job works; zeros are what suits the model and the machine. `processes` share the images between them.

    With several `hosts` the job waits until each of them runs its command, with `processes` on each. `cluster` is the
    address of a Ray cluster that does it instead; its machines find our folders where `paths` says.
    """

    device: Device = "auto"
    batch_size: int = 0
    decoders: int = 0
    processes: int = 1
    hosts: int = 1
    captioning: Captioning | None = None
    cluster: str = ""
    paths: Mapping[str, str] = field(default_factory=dict[str, str])


class AskedFor(NamedTuple):
    """Of `images`, `answered` had answers already; `job` is at work on the others, None where there are none.

    `commands` are what several hosts are to run, one each; empty where the job is at work.
    """

    images: int
    answered: int
    job: RunFolder | None
    first_time: bool = False  # nobody asked this model here before
    question: TaggingJob | None = None
    commands: tuple[str, ...] = ()


class ShownProposals(NamedTuple):
    """What a model says of one image above its thresholds.

    `present` are the labels that the image has as tags, `unfit` those that cannot be tags here (they hold a comma).
    """

    tags: tuple[ProposedTag, ...] = ()
    present: frozenset[str] = frozenset()
    unfit: frozenset[str] = frozenset()
    rating: tuple[str, float] | None = None
    caption: str | None = None
    is_answered: bool = False


class Proposals:
    """Tag models at work on a collection: asked in jobs, their answers looked at, accepted."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._folder = proposals_folder(collection.folder)

    def propose(self, model: ZooModel, images: Images, how: HowToPropose, filter: str = "") -> AskedFor:
        """Ask a model for what it has not said yet of images: a job that lives on when this program ends.

        Raises:
            UserError: files of the model are missing, or the job cannot be started.
        """
        from curator.contract.tagging.job import Captioning, TaggingJob, read_job
        from curator.runs.tagging import host_commands, start_job

        if model.missing:
            raise UserError(
                f"the model {model.name} is not here: {', '.join(model.missing)} missing",
                (f"'frieze models fetch {model.name}', or " if model.row.repo else "")
                + f"put its files into {model.folder}",
            )
        self.collect()
        made = datetime.now().astimezone().isoformat(timespec="seconds")
        captioning = how.captioning or Captioning()
        asked = TaggingJob(
            model.name, str(model.folder), model.row, 0, how.device, how.batch_size, how.decoders,
            captioning=captioning, filter=filter, created_at=made, cluster=how.cluster, paths=dict(how.paths),
        )  # fmt: skip
        wanted = bitmap_of(images)
        left = self._unanswered(asked, wanted)
        entries = list(self._entries(left))
        if not entries:
            return AskedFor(len(wanted), len(wanted), None)
        first_time = all(read_job(job.path).model != model.name for job in self.jobs())
        job = start_job(self._folder, replace(asked, images=len(entries)), entries, how.processes, how.hosts)
        commands = host_commands(job, how.processes, how.hosts) if how.hosts > 1 else ()
        return AskedFor(len(wanted), len(wanted) - len(left), job, first_time, asked, tuple(commands))

    def answered(self, asked: AskedFor, images: Images) -> int:
        """Of how many of the images the model has spoken by now."""
        wanted = bitmap_of(images)
        return len(wanted) - (len(self._unanswered(asked.question, wanted)) if asked.question else 0)

    def jobs(self) -> list[RunFolder]:
        """The jobs, oldest first."""
        from curator.runs.tagging import job_folders

        return job_folders(self._folder)

    def find_job(self, name: str) -> RunFolder:
        """The job of that name; else the newest of that model; else the newest with that in its name.

        Raises:
            UserError: there is none.
        """
        from curator.runs.tagging import find_job

        return find_job(self._folder, name)

    @staticmethod
    def follow(job: RunFolder) -> JobFollower:
        """A reader of one job, which never touches it.

        Raises:
            UserError: the job is damaged.
        """
        from curator.runs.tagging import JobFollower

        return JobFollower(job)

    @staticmethod
    def view(job: RunFolder) -> JobView:
        """A job as it is now.

        Raises:
            UserError: the job is damaged.
        """
        from curator.runs.tagging import JobFollower

        return JobFollower(job).read()

    @staticmethod
    def resume(job: RunFolder, processes: int = 1) -> int:
        """Go on with a job that was stopped or crashed, where it was; gives the worker's process id."""
        from curator.runs.tagging import restart_job

        return restart_job(job, processes)

    @staticmethod
    def stop(job: RunFolder) -> None:
        """Ask a job to stop after the batch it is at.

        Raises:
            UserError: it is not running.
        """
        if (status := job.status()) != "running":
            what = f"the job {job.path.name} is {status}, so there is nothing to stop"
            raise UserError(what, "'frieze jobs list' tells of all jobs")
        job.request("stop")

    def collect(self) -> Collected:
        """Bring in what jobs have answered since the last time.

        Raises:
            UserError: a job is damaged, or nothing can be written.
        """
        from curator.proposals.collect import collect

        return collect(self._collection, self._folder)

    def models(self) -> list[KeptModel]:
        """The models whose proposals are kept, by name."""
        from curator.proposals.collect import kept_models

        return kept_models(self._folder)

    def model(self, name: str) -> KeptModel:
        """The proposals of a model, by a name it was asked for as (or its folder's), or the beginning of its hash.

        Of several models that were called so it is the one asked for last.

        Raises:
            UserError: there are none.
        """
        known = self.models()
        called = Path(name).name
        found = [each for each in known if called in each.about.names or each.about.hash.startswith(name)]
        if not found:
            names = sorted({each for model in known for each in model.about.names})
            hint = did_you_mean(called, names) if names else f"ask it first: frieze propose {name}"
            raise UserError(f"there are no proposals of a model '{name}'", hint)
        return max(found, key=lambda each: (each.about.names[-1] == called, each.changed_at))

    def of_images(self, model: KeptModel, images: Images, thresholds: Thresholds) -> Iterator[ImageProposals]:
        """What a model says of each of the images it has seen: in the order given, where they are not very many."""
        from curator.proposals.queries import by_image

        ordered = list(images)
        said = by_image(model, thresholds, self._by_content(ordered))
        if len(ordered) > _SORTED_IMAGES:
            return said
        place = {image: number for number, image in enumerate(ordered)}
        return iter(sorted(said, key=lambda each: place[each.image]))

    def of_image(self, model: KeptModel, image: int, thresholds: Thresholds) -> ShownProposals:
        """What a model says of one image, beside the tags that it has."""
        from curator.index.tags.tag_names import folded
        from curator.proposals.acceptance import can_be_tag

        for said in self.of_images(model, [image], thresholds):
            has = {folded(tag.name) for tag in self._collection.tags_of(image)}
            present = frozenset(tag.name for tag in said.tags if folded(tag.name) in has)
            unfit = frozenset(tag.name for tag in said.tags if not can_be_tag(tag.name))
            return ShownProposals(said.tags, present, unfit, said.rating, said.caption, is_answered=True)
        return ShownProposals()

    def counts(self, model: KeptModel, images: Images, thresholds: Thresholds) -> Mapping[str, int]:
        """How many of the images each tag would be accepted for, the most common first; no image is looked at."""
        from curator.proposals.queries import counts_by_label

        counts = counts_by_label(model, thresholds, self._by_content(images)).tolist()
        pairs = ((name, count) for name, count in zip(model.about.labels, counts, strict=True) if count)
        return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))

    def preview(self, models: Sequence[KeptModel], images: Images, how: Acceptance) -> PlannedAcceptance:
        """What accepting would do; nothing is written."""
        from curator.proposals.acceptance import plan_acceptance

        with self._collection.reading():
            return plan_acceptance(self._collection, models, bitmap_of(images), how)

    def accept(
        self, models: Sequence[KeptModel], images: Images, how: Acceptance
    ) -> tuple[Commit, PlannedAcceptance]:
        """Make tags of proposals, as one edit that can be undone."""
        from curator.proposals.acceptance import plan_acceptance

        with self._collection.writing(durable=True):
            planned = plan_acceptance(self._collection, models, bitmap_of(images), how)
            self._collection.tags.learn_classes(planned.classes)
            return self._collection.apply(planned.edit, bitmap_of(images)), planned

    def _by_content(self, images: Images) -> ByContent:
        from curator.proposals.queries import ByContent

        with self._collection.reading():
            return ByContent(bitmap_of(images), self._collection.columns.of("content"))

    def _unanswered(self, asked: TaggingJob, images: BitMap) -> BitMap:
        """The images the model has said nothing of, in these files of it and with these settings."""
        import numpy as np
        from pyroaring import BitMap

        from curator.contract.tagging.identity import identity_of
        from curator.proposals.collect import score_name

        if asked.row.kind == "score":
            name = score_name(asked.model)
            if name not in self._collection.scores.names():
                return images
            ids = np.array(images, np.int64)
            scores = self._collection.scores.of(name, int(ids[-1]) + 1 if len(ids) else 0)
            return BitMap(ids[np.isnan(scores[ids])].astype(np.uint32))
        try:
            identity = identity_of(asked)
        except OSError as error:
            raise UserError(
                f"the model {asked.model} cannot be read: {error.strerror}", "check its files"
            ) from error
        kept = [model for model in self.models() if model.about.hash == identity]
        return self._by_content(images).unanswered(kept[0]) if kept else images

    def _entries(self, images: BitMap) -> Iterator[ImageEntry]:
        """Each content once."""
        from curator.contract.tagging.job import ImageEntry

        seen: set[bytes] = set()
        ids = images.to_array().tolist()
        for first in range(0, len(ids), _PAGE):
            for row in self._collection.rows(ids[first : first + _PAGE]):
                content = bytes.fromhex(row.sha256)
                if content not in seen:
                    seen.add(content)
                    yield ImageEntry(len(seen) - 1, row.sha256, row.full_path)
