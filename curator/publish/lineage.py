"""The origin of a model file: run, recipe, manifest and selection, and its ancestors as a tree (B06).

The file's own metadata tell most of it. What lies here tells more: the run, its manifest, files of the same hash. What
cannot be known is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from curator.contract import locations
from curator.contract.base_model.file_hashes import sha256_of
from curator.contract.errors import UserError
from curator.contract.manifest.manifest import open_manifest
from curator.contract.recipe.toml_file import dump_recipe, load_recipe
from curator.contract.run import origin as written
from curator.contract.run.events import CheckpointSaved
from curator.contract.run.origin import Origin, origin_of_run
from curator.contract.run.run_folder import RunFolder
from curator.publish.subject import metadata_of
from curator.runs.follow import Follower
from curator.runs.listing import run_folders

_HASHED = re.compile(r"(?P<name>.+?) \(sha256 (?P<sha256>[0-9a-f]{64})\)(?:, |$)")
_DEEPEST = 32
_TRAINING = "a training"
_ACTS = {  # what Frieze's own programs write of how a file was made, in words
    "frieze.merge": "a merge",
    "frieze.bake": "a bake of adapters",
    "frieze.join": "adapters joined",
    "frieze.extracted": "an adapter of the difference of two models",
    "frieze.resized": "an adapter cut to fewer ranks",
    "frieze.converted": "a conversion",
    "frieze.restored": "restored embeddings",
}


@dataclass(frozen=True)
class Node:
    """A model in the tree; `parent` is the number of the one whose ancestor it is, None of the model itself.

    `role` is what it is to its parent. `made_by` and `recipe` say how it was made; `unknown` what cannot be known here.
    """

    number: int
    parent: int | None
    role: str
    name: str
    sha256: str | None = None
    path: Path | None = None
    made_by: str = ""
    recipe: str | None = None
    run: str | None = None
    run_folder: Path | None = None
    manifest: Path | None = None
    origin: Origin | None = None
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where files, runs and manifests are looked for; None: nowhere."""

    runs: Path | None = None
    manifests: Path | None = None


def lineage_of(path: Path, place: Place) -> tuple[Node, ...]:
    """The model at `path` and all ancestors that are told of, each below the one it is an ancestor of.

    Raises:
        UserError: it is no safetensors file.
    """
    tree = _Tree(place)
    tree.add_file(path, None, "", sha256_of(path) if path.is_file() else "", frozenset())
    return tuple(tree.nodes)


class _Named(NamedTuple):
    """An ancestor as a file names it; its hash is empty where the file does not say it."""

    name: str
    sha256: str
    role: str


@dataclass
class _Tree:
    place: Place
    nodes: list[Node] = field(default_factory=list)

    def add_file(self, path: Path, parent: int | None, role: str, sha256: str, above: frozenset[str]) -> None:
        """A file that is here, and its ancestors; `above` are the hashes of those it is an ancestor of."""
        metadata = metadata_of(path)
        node = _of_run(Node(len(self.nodes), parent, role, path.name, sha256, path), metadata, self.place)
        self.nodes.append(node)
        if sha256 in above or len(above) >= _DEEPEST:
            self._say(node.number, "its ancestors lead back to itself")
            return
        for named in _ancestors(metadata, node):
            self._add_named(named, node.number, [path.parent, *_near(node)], above | {sha256})

    def _add_named(self, named: _Named, parent: int, near: list[Path], above: frozenset[str]) -> None:
        """An ancestor by its name and hash: with all that a file of it tells, where there is one here."""
        name, sha256, role = named
        found = _file_of(name, sha256, near, self.place.runs)
        doubts = ["no file of it is here, so its own ancestors are not known"]
        if found is not None:
            try:
                self.add_file(found, parent, role, sha256 or sha256_of(found), above)
            except UserError as error:  # a pickle tells nothing
                doubts = [error.what]
            else:
                return
        doubts += [] if sha256 else ["its hash was not written down"]
        number, shown = len(self.nodes), Path(name).name
        self.nodes.append(Node(number, parent, role, shown, sha256 or None, found, unknown=tuple(doubts)))

    def _say(self, number: int, what: str) -> None:
        node = self.nodes[number]
        self.nodes[number] = replace(node, unknown=(*node.unknown, what))


def _of_run(node: Node, metadata: Mapping[str, str], place: Place) -> Node:
    """What metadata, and the run where it is here, say of how the file was made: a training, then what came of it."""
    acts = [(words, metadata[key]) for key, words in _ACTS.items() if metadata.get(key)]
    origin = written.origin_of(metadata)
    if origin is not None or written.DIGEST in metadata or "ss_steps" in metadata:
        run = origin.run if origin else metadata.get("ss_output_name")
        trained = replace(
            node, made_by=_TRAINING, recipe=metadata.get(written.RECIPE), run=run, origin=origin
        )
        node = _with_run(trained, metadata, place)
    elif not acts:
        is_merged = bool(metadata.get("modelspec.merged_from"))
        doubt = () if is_merged else ("the file does not say where it comes from",)
        return replace(node, made_by="a merge of another program" if is_merged else "", unknown=doubt)
    made = [node.made_by, *(words for words, _ in acts)]
    texts = [node.recipe or "", *(text for _, text in acts)]
    return replace(
        node,
        made_by=", then ".join(each for each in made if each),
        recipe="\n".join(text.rstrip("\n") for text in texts if text) or None,
    )


def _with_run(node: Node, metadata: Mapping[str, str], place: Place) -> Node:
    digest = metadata.get(written.DIGEST, "")
    run = _run_of(node, digest, place.runs)
    manifest = _manifest_of(digest, run, place.manifests) if digest else None
    unknown: list[str] = []
    if run is None:
        unknown.append("its run is not here")
    else:
        recipe = dump_recipe(written.without_folders(load_recipe(run.recipe_path)))
        node = replace(node, run=run.path.name, run_folder=run.path, recipe=recipe)
    if not digest:
        unknown.append("the file names no manifest: it was trained by another program")
    elif manifest is None:
        unknown.append(f"its manifest, of digest {digest}, is not here")
    if node.origin is None and manifest is not None and run is not None:
        with open_manifest(manifest) as opened:
            counts = [0] * len(opened.header.subsets)
            for part in opened.parts:
                counts[part.subset] += part.rows
            node = replace(node, origin=origin_of_run(run.info(), opened.header, counts))
    if node.origin is None:
        unknown.append("the selection of its images is not known")
    return replace(node, manifest=manifest, unknown=tuple(unknown))


def _run_of(node: Node, digest: str, runs: Path | None) -> RunFolder | None:
    """The run whose folder holds the file, else the one of the same name, time and manifest."""
    around = RunFolder(node.path.absolute().parent.parent) if node.path else None
    folders = [
        *([around] if around and around.info_path.is_file() else []),
        *(run_folders(runs) if runs else []),
    ]
    for run in folders:
        try:
            info = run.info()
        except UserError:
            continue  # a damaged run tells nothing
        same_time = node.origin is None or info.created_at == node.origin.created_at
        if info.name == node.run and info.manifest_digest == digest and same_time:
            return run
    return None


def _manifest_of(digest: str, run: RunFolder | None, manifests: Path | None) -> Path | None:
    known = [Path(run.info().manifest)] if run else []
    known += locations.manifest_files(manifests) if manifests else []
    for path in known:
        try:
            with open_manifest(path, checks_seal=False) as manifest:
                if manifest.digest == digest:
                    return path
        except UserError:
            continue  # a damaged one is not the one that is looked for
    return None


def _ancestors(metadata: Mapping[str, str], node: Node) -> list[_Named]:
    """What the file says it was made of."""
    said = metadata.get("modelspec.merged_from", "")
    found = [_Named(each["name"], each["sha256"], "made of") for each in _HASHED.finditer(said)]
    rest = _HASHED.sub("", said)
    found += [_Named(name.strip(), "", "made of") for name in rest.split(",") if name.strip()]
    base = metadata.get("ss_sd_model_name", "")
    if base and node.made_by.startswith(_TRAINING):
        digest = metadata.get("ss_new_sd_model_hash", "")
        found.append(_Named(_base_path(node) or base, digest, "trained from"))
    return found


def _base_path(node: Node) -> str:
    """Where the run has its base model, on this machine."""
    if node.run_folder is None:
        return ""
    path = load_recipe(RunFolder(node.run_folder).recipe_path).model.path
    return path if Path(path).expanduser().exists() else ""


def _near(node: Node) -> list[Path]:
    return [RunFolder(node.run_folder).output_dir] if node.run_folder else []


def _file_of(name: str, sha256: str, near: list[Path], runs: Path | None) -> Path | None:
    """A file of that name and hash: where the name says, beside its descendant, or written by a run."""
    for path in (Path(name).expanduser(), *(folder / Path(name).name for folder in near)):
        if path.is_file() and (not sha256 or sha256_of(path) == sha256):
            return path
    checkpoints = _checkpoints_of(sha256, runs) if sha256 and runs else iter(())
    return next((path for path in checkpoints if path.is_file()), None)


def _checkpoints_of(sha256: str, runs: Path) -> Iterator[Path]:
    """Where runs wrote files of that hash."""
    for run in run_folders(runs):
        follower = Follower(run)
        follower.is_behind = True
        while follower.is_behind:
            follower.poll()
            saved = (event for event in follower.news if isinstance(event, CheckpointSaved))
            yield from (run.path / event.path for event in saved if event.sha256 == sha256)
