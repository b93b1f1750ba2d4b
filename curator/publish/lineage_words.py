"""The origin of a model in lines: what each is to the one above, then a fact a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.publish.lineage import Node

Meanings = Callable[[str], Mapping[str, str]]  # a filter -> what each saved filter in it means now


def lines_of(nodes: Sequence[Node], meanings: Meanings | None = None) -> Iterator[str]:
    """All models of a tree, ancestors further in."""
    depths: dict[int, int] = {}
    for node in nodes:
        depth = depths[node.number] = 0 if node.parent is None else depths[node.parent] + 1
        for line in _lines(node, meanings):
            yield "    " * depth + line


def _lines(node: Node, meanings: Meanings | None) -> Iterator[str]:
    origin = node.origin
    role = f"{node.role} " if node.role else ""
    made = f", {node.made_by}" if node.made_by else ""
    yield f"{role}{node.name}{made}"
    facts = {
        "sha256": node.sha256,
        "file": node.path and node.path.absolute(),
        "run": node.run_folder.absolute() if node.run_folder else node.run,
        "manifest": node.manifest.absolute() if node.manifest else origin and origin.manifest,
        "digest": origin and origin.digest,
        "frozen": origin and origin.frozen_at,
    }
    for name, value in facts.items():
        if value:
            yield f"  {name:<9} {value}"
    for subset in origin.subsets if origin else ():
        kind = ", regularisation" if subset.is_reg else ""
        images = f"{counted(subset.images)} x {subset.repeats:g}{kind}"
        yield f"  {'subset':<9} {subset.name}: {subset.filter or 'all'} ({images})"
        for name, meaning in (meanings(subset.filter) if meanings else {}).items():
            yield f"  {'':<9}   {name} is now: {meaning}"
    for reason, count in origin.funnel if origin else ():
        yield f"  {'funnel':<9} {reason}: {count:,}"
    for line in (node.recipe or "").splitlines():
        if line.strip():
            yield f"  {'recipe':<9} {line}"
    for what in node.unknown:
        yield f"  {'unknown':<9} {what}"
