"""Groups of tags (hair, outfit, background, ...): the table `groups`, the program's with what a collection changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curator.index.collection import Collection

SETTING = "tag tables"  # under which a collection keeps what its tables have in place of the program's
Groups = Mapping[str, Sequence[str]]


def groups_of(collection: Collection) -> dict[str, Sequence[str]]:
    """The patterns of each group; one that begins with `-` takes tags out again."""
    return groups_in(collection.settings.get(SETTING, {}))


def groups_in(changed_tables: Mapping[str, Groups]) -> dict[str, Sequence[str]]:
    """The same, by what a collection keeps under `SETTING`."""
    changed = changed_tables.get("groups", {})
    return {name: patterns for name, patterns in {**_program_groups(), **changed}.items() if patterns}


def tags_of_group(collection: Collection, patterns: Sequence[str]) -> list[int]:
    """The ids of the tags that a group's patterns name."""
    tags = collection.tags
    wanted = {tag for each in patterns if not each.startswith("-") for tag in tags.matching(each)}
    out = {tag for each in patterns if each.startswith("-") for tag in tags.matching(each[1:])}
    return sorted(wanted - out)


@lru_cache(maxsize=1)
def _program_groups() -> Groups:
    """Those of the tables' file, which lies beside the rules that use the other tables."""
    import tomllib

    file = Path(__file__).parents[1] / "tags" / "tables.toml"
    return tomllib.loads(file.read_text("utf-8"))["groups"]
