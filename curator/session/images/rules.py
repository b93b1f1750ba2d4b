"""Rules that rewrite tags: their tables, what each would change, the change."""

from __future__ import annotations

from collections.abc import Generator, Hashable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.contract.progress import Progress
    from curator.index.changes.edits import Commit
    from curator.index.collection import Collection
    from curator.tags.clean import CleanRules, Diff
    from curator.tags.deriving.derive import Derived
    from curator.tags.deriving.derive_plan import DerivePlan
    from curator.tags.kept import Due
    from curator.tags.relate import Relation
    from curator.tags.review import Ids, Review, Rule
    from curator.tags.tables import Tables


class Derivation(NamedTuple):
    """What one kind of rule says of images, and what that would change."""

    derived: Derived
    plan: DerivePlan


class Rules:
    """Rules that rewrite tags: their tables, what each would change, the change."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._due: tuple[Hashable, list[Due]] = None, []  # of that state of the collection

    @staticmethod
    def all() -> tuple[Rule, ...]:
        """The rules in the order in which they are used on a new collection."""
        from curator.tags.review import RULES

        return RULES

    @staticmethod
    def derived_kinds() -> tuple[str, ...]:
        """The kinds of tags that follow from the posts' facts."""
        from curator.tags.deriving.derive import KINDS

        return (*KINDS, "count")

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

    def review(self, rule: Rule, images: Ids, progress: Progress | None = None) -> Review:
        """What a rule would change on images, the most common changes first.

        Raises:
            UserError: a table that cannot be used.
        """
        from curator.tags.review import review
        from curator.tags.tables import tables_of

        return review(self._collection, rule, images, tables_of(self._collection), progress)

    def carry_out(self, rule: Rule, images: Ids, kept_for: str | None = None) -> list[Commit]:
        """Make the changes of a rule; each commit can be undone.

        Where the images are those of the filter `kept_for`, the rule is offered again for what comes later (see `due`).
        """
        from curator.tags.review import carry_out_rule
        from curator.tags.tables import tables_of

        with self.kept(rule, kept_for) as done:
            done.extend(carry_out_rule(self._collection, rule, images, tables_of(self._collection)))
        return done

    @contextmanager
    def kept(self, rule: Rule, filter: str | None) -> Generator[list[Commit]]:
        """Remember that a rule is done inside on the images of a filter; the commits go into the list given."""
        from curator.tags.kept import keep, moment

        at = moment(self._collection)
        done: list[Commit] = []
        yield done
        if filter is not None:
            keep(self._collection, rule, filter, at, done)

    def due(self) -> list[Due]:
        """The rules done before that would change images that came, or were changed by others, since then.

        Looked up only where something has changed, and on a connection of its own: where millions of images came it
        takes seconds, and others read meanwhile.

        Raises:
            UserError: a filter or a table that cannot be used any more.
        """
        from curator.index.collection import Collection
        from curator.tags.kept import due, state

        now = state(self._collection)
        if self._due[0] != now:
            with Collection.open(self._collection.folder) as own:
                self._due = now, list(due(own))
        return list(self._due[1])

    def do_again(self, rule: Rule, progress: Progress | None = None) -> list[Commit]:
        """Do a rule that is due on what came since; each commit can be undone."""
        from curator.tags.kept import do_again

        return do_again(self._collection, rule, progress)

    def forget(self, rule: Rule) -> bool:
        """Offer a rule no more for what comes; whether it was offered."""
        from curator.tags.kept import forget

        return forget(self._collection, rule)

    def groups(self) -> dict[str, Sequence[str]]:
        """The groups of tags by name, each with its patterns."""
        from curator.filter.groups import groups_of

        return groups_of(self._collection)

    def tables(self, changes: Mapping[str, Any] | None = None) -> Tables:
        """The tables of the collection: the program's, with what was changed, and `changes` for this time.

        Raises:
            UserError: an unknown key or a wrong type in `changes`.
        """
        from curator.tags.tables import tables_of, with_changes

        return with_changes(tables_of(self._collection), dict(changes or {}))

    def program_text(self) -> str:
        """The tables of the program, with their comments."""
        from curator.tags.tables import default_text

        return default_text()

    def changed_tables(self) -> Tables:
        """What the collection's tables have in place of the program's."""
        from curator.tags.tables import SETTING

        return self._collection.settings.get(SETTING, {})

    def read_tables(self, file: Path) -> None:
        """Keep the changes in a TOML file with the collection, in place of earlier ones; can be undone.

        Raises:
            UserError: no TOML, an unknown key, a wrong type.
        """
        from curator.tags.tables import keep_changes, read_changes

        keep_changes(self._collection, read_changes(file))

    def reset_tables(self) -> None:
        """Make the tables those of the program again; can be undone."""
        from curator.tags.tables import keep_changes

        keep_changes(self._collection, {})

    def derivation(self, kind: str, ids: Ids, tables: Tables) -> Derivation:
        """What the rules of `kind` (quality, rating, year, head) would change on the images `ids`.

        Raises:
            UserError: an unknown kind, or a table that cannot be used.
        """
        from curator.tags.deriving.derive import derive
        from curator.tags.deriving.derive_plan import plan_derived

        derived = derive(self._collection, ids, kind, tables)
        return Derivation(derived, plan_derived(self._collection, derived, ids))

    def derive(self, derivation: Derivation, *, at_start: bool = False) -> list[Commit]:
        """Make the changes of a derivation, whole or not at all; a head goes to the start in any case."""
        from curator.tags.deriving.derive_plan import carry_out

        return carry_out(self._collection, derivation.derived, derivation.plan, at_start=at_start)

    def classify_counts(self, tables: Tables) -> Commit:
        """Give the tags that count people their class."""
        from curator.tags.deriving.derive_plan import classify_counts

        return classify_counts(self._collection, tables["count"]["tags"])

    def clean_rules(self, aliases: Path | None = None, implications: Path | None = None) -> CleanRules:
        """The rules of the table `clean`, with those of CSV files.

        Raises:
            UserError: a file cannot be read, or names lead in a circle.
        """
        from curator.tags.alias_lists import read_aliases, read_implications
        from curator.tags.clean import CleanRules

        tables = self.tables()
        return CleanRules(
            tables["clean"],
            read_aliases(aliases) if aliases else {},
            read_implications(implications) if implications else {},
            tables["groups"],
        )

    def cleaning(self, ids: Sequence[int], rules: CleanRules, progress: Progress | None = None) -> Diff:
        """What cleaning would change on the images `ids`."""
        from curator.tags.clean import Diff, cleaned_annotations

        diff = Diff()
        for _ in cleaned_annotations(self._collection, ids, rules, diff, progress):
            pass
        return diff

    def clean(
        self,
        ids: Sequence[int],
        rules: CleanRules,
        progress: Progress | None = None,
        kept_for: str | None = None,
    ) -> list[Commit]:
        """Clean the tags and captions of the images `ids`; `kept_for` as in `carry_out`."""
        from curator.tags.clean import clean

        with self.kept("clean", kept_for) as done:
            done.extend(clean(self._collection, ids, rules, progress))
        return done

    def relations(self) -> tuple[Relation, ...]:
        """The rules of the table `relations`.

        Raises:
            UserError: one that says nothing, or cannot be used.
        """
        from curator.tags.relate import relations_of

        return relations_of(self.tables())

    def relating(
        self, ids: Sequence[int], rules: Sequence[Relation], progress: Progress | None = None
    ) -> Diff:
        """What rules between tags would change on the images `ids`."""
        from curator.tags.clean import Diff
        from curator.tags.relate import related_annotations

        diff = Diff()
        for _ in related_annotations(self._collection, ids, rules, diff, progress):
            pass
        return diff

    def relate(
        self,
        ids: Sequence[int],
        rules: Sequence[Relation],
        progress: Progress | None = None,
        kept_for: str | None = None,
    ) -> list[Commit]:
        """Make the tags of the images `ids` follow rules between tags; `kept_for` as in `carry_out`."""
        from curator.tags.relate import relate

        with self.kept("relations", kept_for) as done:
            done.extend(relate(self._collection, ids, rules, progress))
        return done

    def ordering(self, ids: Sequence[int], progress: Progress | None = None) -> int:
        """How many of the images `ids` have tags in another order than the table `order` says."""
        from curator.tags.order import order_rule, ordered_annotations

        rule = order_rule(self.tables())
        return sum(1 for _ in ordered_annotations(self._collection, ids, rule, progress))

    def order(
        self, ids: Sequence[int], progress: Progress | None = None, kept_for: str | None = None
    ) -> list[Commit]:
        """Order the tags of the images `ids` by the table `order`; `kept_for` as in `carry_out`."""
        from curator.tags.order import order, order_rule

        with self.kept("order", kept_for) as done:
            done.extend(order(self._collection, ids, order_rule(self.tables()), progress))
        return done
