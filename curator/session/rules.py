"""Rules that rewrite tags: their tables, what each would change, the change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.index.collection import Collection

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.index.changes.edits import Commit
    from curator.tags.review import Ids, Looked, Review, Rule


class Rules:
    """Rules that rewrite tags: their tables, what each would change, the change."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def all(self) -> tuple[Rule, ...]:
        """The rules in the order in which they are used on a new collection."""
        from curator.tags.review import RULES

        return RULES

    def table(self, rule: Rule) -> str:
        """The table of a rule as editable TOML, with the program's comments."""
        from curator.tags.table_text import text_of

        return text_of(self._collection, rule)

    def keep_table(self, rule: Rule, text: str) -> None:
        """Keep an edited table with the collection, an edit that can be undone; the other tables stay.

        Raises:
            UserError: no TOML, another table, an unknown key or a wrong type.
        """
        from curator.tags.table_text import keep

        keep(self._collection, rule, text)

    def glance(self, rule: Rule, images: Ids, table: str | None = None) -> Review:
        """What `review` would tell, of a sample where there are many images; as if `table` were kept, where given.

        Raises:
            UserError: a table that cannot be used.
        """
        from curator.tags.review import glance
        from curator.tags.table_text import tables_with
        from curator.tags.tables import tables_of

        collection = self._collection
        tables = tables_of(collection) if table is None else tables_with(collection, rule, table)
        return glance(collection, rule, images, tables)

    def review(self, rule: Rule, images: Ids, progress: Looked | None = None) -> Review:
        """What a rule would change on images, the most common changes first.

        Raises:
            UserError: a table that cannot be used.
        """
        from curator.tags.review import review
        from curator.tags.tables import tables_of

        return review(self._collection, rule, images, tables_of(self._collection), progress)

    def carry_out(self, rule: Rule, images: Ids) -> list[Commit]:
        """Make the changes of a rule; each commit can be undone."""
        from curator.tags.review import carry_out_rule
        from curator.tags.tables import tables_of

        return carry_out_rule(self._collection, rule, images, tables_of(self._collection))
