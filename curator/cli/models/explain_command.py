"""`frieze model explain`: a model led back to its run, its manifest, its selection and its ancestors (B06)."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from curator.cli.models.model_file_commands import FileArgument
from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import enclosing_collection, manifests_of, opened, runs_of
from curator.cli.shared.output import put, put_json

if TYPE_CHECKING:
    from curator.cli.schemas.publishing import OriginNode, OriginReport
    from curator.session.images.filters import Filters
    from curator.session.training.models import Node


def explain(file: FileArgument, collection: CollectionOption = None, as_json: JsonOption = False) -> None:
    """Tell where a model comes from: run, recipe, manifest, selection, merges and bakes, and its ancestors.

    Much stands in the file; runs, manifests and the collection at hand tell more. What cannot be known is said.
    """
    from curator.session.training.models import explain_model, origin_lines

    runs, manifests = runs_of(collection), manifests_of(collection)
    nodes = explain_model(file, runs.folder, manifests.folder)
    with ExitStack() as stack:
        is_at_hand = collection is not None or enclosing_collection(Path.cwd()) is not None
        filters = stack.enter_context(opened(collection)).filters if is_at_hand else None
        told = [_about(node, filters) for node in nodes]
        lines = [*origin_lines(nodes, filters.meanings if filters else None)]
    if as_json:
        report: OriginReport = {
            "schema": "frieze/model-explain/1",
            "path": str(file.absolute()),
            "models": told,
        }
        put_json(report)
        return
    for line in lines:
        put(line)


def _about(node: Node, filters: Filters | None) -> OriginNode:
    origin = node.origin
    subsets = origin.subsets if origin else ()
    return {
        "number": node.number,
        "parent": node.parent,
        "role": node.role,
        "name": node.name,
        "sha256": node.sha256,
        "path": str(node.path.absolute()) if node.path else None,
        "made_by": node.made_by,
        "recipe": node.recipe,
        "run": node.run,
        "run_folder": str(node.run_folder.absolute()) if node.run_folder else None,
        "manifest": str(node.manifest.absolute()) if node.manifest else origin.manifest if origin else None,
        "digest": origin.digest if origin else None,
        "frozen_at": origin.frozen_at if origin else None,
        "funnel": dict(origin.funnel) if origin else {},
        "subsets": [
            {
                "name": each.name,
                "filter": each.filter,
                "repeats": each.repeats,
                "images": each.images,
                "is_reg": each.is_reg,
                "meanings": filters.meanings(each.filter) if filters else {},
            }
            for each in subsets
        ],
        "unknown": node.unknown,
    }
