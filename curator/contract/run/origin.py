"""Where trained weights come from, as their own metadata say it: run, recipe, manifest, and what was selected.

The trainer writes it, so that a file alone leads back to the selection. Folders of who trained are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from curator.contract.files.json_data import checked, object_of, to_json
from curator.contract.recipe.fields import value_of
from curator.contract.recipe.toml_file import dump_recipe, with_values

if TYPE_CHECKING:
    from curator.contract.manifest.header import ManifestHeader, ManifestSubset
    from curator.contract.recipe.recipe import Recipe
    from curator.contract.run.run_folder import RunInfo

ORIGIN, RECIPE, DIGEST = "frieze.origin", "frieze.recipe", "frieze.manifest_digest"
_FILES = ("model.path", "model.vae", "adapter.start", "embeddings.start")


@dataclass(frozen=True)
class TrainedSubset:
    """A subset of the manifest: the filter that chose its images, and how many there are."""

    name: str
    filter: str
    repeats: float
    images: int
    is_reg: bool = False


@dataclass(frozen=True)
class Origin:
    """A run and its manifest. `funnel` counts the reasons for which images were left out; times are ISO 8601."""

    run: str
    created_at: str
    manifest: str
    digest: str
    frozen_at: str
    made_by: str
    subsets: tuple[TrainedSubset, ...]
    funnel: tuple[tuple[str, int], ...] = ()


def origin_of_run(info: RunInfo, header: ManifestHeader, images: Iterable[int]) -> Origin:
    """What a run was started on; `images` are the counts of its subsets."""
    frozen = header.provenance
    subsets = tuple(
        TrainedSubset(each.name, each.filter, each.repeats, count, each.is_reg)
        for each, count in zip(header.subsets, images, strict=True)
    )
    return Origin(
        info.name, info.created_at, frozen.name, header.digest, frozen.created_at, frozen.made_by, subsets,
        frozen.funnel,
    )  # fmt: skip


def origin_metadata(origin: Origin, recipe: Recipe) -> dict[str, str]:
    """The keys of a weights file."""
    return {
        DIGEST: origin.digest,
        ORIGIN: to_json(asdict(origin)),
        RECIPE: dump_recipe(without_folders(recipe)),
    }


def origin_of(metadata: Mapping[str, str]) -> Origin | None:
    """What a file says; None where it says nothing that can be read."""
    try:
        return checked(Origin, object_of(metadata.get(ORIGIN, "")), passes_over=True)
    except ValueError:
        return None


def without_folders(recipe: Recipe) -> Recipe:
    """The recipe with the names of files on this machine in place of their paths. Names of the hub stay."""
    given = {name: str(value_of(recipe, name)) for name in _FILES}
    return with_values(recipe, {name: file_name(value) for name, value in given.items() if value})


def file_name(path: str) -> str:
    """The last part of a path of this machine; a name of the hub, OWNER/NAME, as it is."""
    named = PurePath(path)
    is_path = named.is_absolute() or path.startswith(("~", ".")) or len(named.parts) > 2 or named.suffix
    return named.name if is_path else path


def trigger_words(subsets: Iterable[ManifestSubset]) -> tuple[str, ...]:
    """What stands before every caption of a subset, each once; regularisation images have none of their own."""
    return tuple(
        dict.fromkeys(each.rules.trigger for each in subsets if each.rules.trigger and not each.is_reg)
    )
