"""A run's state on the hub: what an exact resume needs, with hashes; uploaded beside the weights, fetched again."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.contract import locations
from curator.contract.errors import UserError
from curator.contract.files.json_data import checked, object_of, to_json
from curator.contract.files.picture_file import file_sha256
from curator.contract.files.whole_files import flush_to_disk
from curator.contract.manifest.manifest import open_manifest
from curator.contract.recipe.fields import value_of
from curator.contract.recipe.toml_file import dump_recipe, load_recipe, with_values
from curator.contract.run.run_folder import RunFolder
from curator.publish.upload.hub import check_names, reading_hub, small_file, tried
from curator.publish.weights_copy import check_space

if TYPE_CHECKING:
    from curator.contract.progress import Progress

LISTING = "frieze-state.json"
REMOTE = locations.STATE  # the folder of the repository, too
_STEP = re.compile(r"step-\d{8,}")
_FILE = re.compile(r"(?:step-\d{8,}/)?[\w][\w.-]*", re.ASCII)
_BESIDE = (locations.RUN_INFO, locations.RECIPE, locations.EVENTS)


@dataclass(frozen=True)
class StateFile:
    """A file of a state: its place below `state/`, its size and hash."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class StateListing:
    """What a state on the hub consists of, and what it belongs to."""

    run: str
    step: int
    manifest: str
    manifest_digest: str
    files: tuple[StateFile, ...]


@dataclass(frozen=True)
class FetchedState:
    """A run made of a state on the hub; `doubts` say what is still missing for a resume."""

    run: RunFolder
    step: int
    doubts: tuple[str, ...] = ()


def newest_state(run: RunFolder) -> Path:
    """The folder of the newest state.

    Raises:
        UserError: there is none.
    """
    places = [each for each in run.state_dir.glob("step-*") if _STEP.fullmatch(each.name)]
    if not places:
        raise UserError(
            f"the run {run.path.name} has saved no state", "have it save one: frieze runs save RUN"
        )
    return max(places, key=lambda each: int(each.name.removeprefix("step-")))


def state_files(run: RunFolder) -> list[tuple[str, Path]]:
    """Names below `state/`, and where they lie."""
    place = newest_state(run)
    inside = [(f"{place.name}/{file.name}", file) for file in sorted(place.iterdir()) if file.is_file()]
    beside = [(name, run.path / name) for name in _BESIDE if (run.path / name).is_file()]
    return [*inside, *beside]


def stage_state(run: RunFolder, folder: Path) -> list[tuple[str, Path]]:
    """Keep a state in `folder`, though the run forgets it meanwhile; names below `state/`, and where they lie.

    Raises:
        UserError: there is none.
        OSError: it cannot be kept there.
    """
    kept: list[tuple[str, Path]] = []
    for name, file in state_files(run):
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        if name in _BESIDE:
            shutil.copyfile(file, place)  # the run goes on writing them
        else:
            try:
                place.hardlink_to(file)
            except OSError:  # a file system without links
                shutil.copyfile(file, place)
        kept.append((name, place))
    info = run.info()
    files = tuple(StateFile(name, file.stat().st_size, file_sha256(file)) for name, file in kept)
    step = int(newest_step(kept).removeprefix("step-"))
    listing = StateListing(info.name, step, Path(info.manifest).name, info.manifest_digest, files)
    (folder / LISTING).write_text(to_json(asdict(listing), indent=1) + "\n", "utf-8")
    return [*kept, (LISTING, folder / LISTING)]


def newest_step(files: Sequence[tuple[str, Path]]) -> str:
    """The name of the folder of a state, of its files."""
    return next(name.partition("/")[0] for name, _ in files if "/" in name)


def fetch_state(
    repo: str, revision: str, runs: Path, manifests: Path, progress: Progress, *, model: str = ""
) -> FetchedState:
    """Make a run below `runs` of the state that `repo` holds, checked against its hashes.

    A fetch that broke off goes on where it was.
    The manifest is the one of the same digest among `manifests`. `model` is where the base model lies here.

    Raises:
        UserError: the hub has no such state, it is another than it says, or it cannot be kept here.
    """
    check_names(repo, revision)
    draft = runs / f"{locations.DRAFT_PREFIX}fetch-{repo.replace('/', '--')}@{revision.replace('/', '--')}"
    try:
        draft.mkdir(parents=True, exist_ok=True)
        listing = _listing(repo, revision)
        _fetch(listing, repo, revision, draft, progress)
        return _made(listing, draft / REMOTE, runs, manifests, model)
    except OSError as error:
        raise UserError(
            f"the state cannot be kept in {runs}: {error.strerror or error}",
            "free space or check rights, then fetch again: it goes on where it was",
        ) from error


def _listing(repo: str, revision: str) -> StateListing:
    text = small_file(repo, f"{REMOTE}/{LISTING}", revision)
    if text is None:
        raise UserError(
            f"the hub has no state in {repo} at '{revision}', or not for you",
            "check the name; a state is uploaded by 'frieze publish RUN --with-state'",
        )
    try:
        listing = checked(StateListing, object_of(text))
    except ValueError as error:
        raise UserError(
            f"the state of {repo} is damaged: {error}", "upload it again with --with-state"
        ) from error
    names = [file.name for file in listing.files]
    if any(not _FILE.fullmatch(name) for name in names) or len({*names}) < len(names) or listing.step < 0:
        raise UserError(
            f"the state of {repo} names files that no state has", "upload it again with --with-state"
        )
    if len({name.partition("/")[0] for name in names if "/" in name}) != 1:
        raise UserError(f"the state of {repo} is not one state", "upload it again with --with-state")
    if missing := {locations.RUN_INFO, locations.RECIPE}.difference(names):
        raise UserError(f"the state of {repo} lacks {min(missing)}", "upload it again with --with-state")
    return listing


def _fetch(listing: StateListing, repo: str, revision: str, draft: Path, progress: Progress) -> None:
    total = sum(file.bytes for file in listing.files)
    check_space(draft, total)
    done = 0
    for file in listing.files:
        path = draft / REMOTE / file.name
        if not path.is_file() or file_sha256(path) != file.sha256:
            path = _download(repo, revision, file.name, draft)
        if file_sha256(path) != file.sha256:
            path.unlink()
            raise UserError(
                f"{file.name} of {repo} came as another file than its listing says",
                "fetch again; if it happens again, the state was changed there",
            )
        done += file.bytes
        progress(done, total)


def _download(repo: str, revision: str, name: str, draft: Path) -> Path:
    api = reading_hub()
    remote = f"{REMOTE}/{name}"
    return Path(
        tried(
            f"the fetch of {remote}",
            repo,
            lambda: api.hf_hub_download(repo, remote, revision=revision, local_dir=draft),
        )
    )


def _made(listing: StateListing, fetched: Path, runs: Path, manifests: Path, model: str) -> FetchedState:
    recipe = load_recipe(fetched / locations.RECIPE)
    if model:
        recipe = with_values(recipe, {"model.path": model})
    doubts: list[str] = []
    manifest = _manifest_of(manifests, listing)
    if manifest is None:
        doubts.append(
            f"no manifest here has the digest {listing.manifest_digest}: put {listing.manifest} into {manifests}"
        )
        manifest = manifests / Path(listing.manifest).name
    doubts += [
        f"{key} is {value}, which is not here"
        for key in ("model.path", "model.vae")
        if (value := str(value_of(recipe, key))).startswith("/") and not Path(value).exists()
    ]
    info = json.loads((fetched / locations.RUN_INFO).read_text("utf-8"))
    run = RunFolder.create(
        runs, listing.run, dump_recipe(recipe), manifest, listing.manifest_digest,
        processes=_processes(info),
    )  # fmt: skip
    if (fetched / locations.EVENTS).exists():
        (fetched / locations.EVENTS).rename(run.events_path)
    step = newest_step([(file.name, fetched) for file in listing.files])
    (fetched / step).rename(run.state_dir / step)  # at once, so that a state that is there is whole
    flush_to_disk(run.state_dir)
    shutil.rmtree(fetched.parent, ignore_errors=True)
    return FetchedState(run, listing.step, tuple(doubts))


def _processes(info: Any) -> int:
    count = info.get("processes", 1) if isinstance(info, dict) else 1
    return count if isinstance(count, int) and count > 0 else 1


def _manifest_of(manifests: Path, listing: StateListing) -> Path | None:
    for path in locations.manifest_files(manifests):
        try:
            with open_manifest(path, checks_seal=False) as manifest:
                if manifest.digest == listing.manifest_digest:
                    return path
        except UserError:
            continue  # a damaged one is not the one that is looked for
    return None
