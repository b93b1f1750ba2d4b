"""`frieze filter`: saved filters; `saved:NAME` uses one inside any filter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, FilterArgument, JsonOption, ReplaceOption
from curator.cli.options.places import opened, opened_names
from curator.cli.options.selection import Selection, StrictToKeepOption
from curator.cli.shared.output import put_json_rows, put_named, put_table, tell
from curator.cli.shared.typer_apps import noun
from curator.contract.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from curator.cli.schemas.collection import FilterRow

app = noun("List, save and remove filters under a name.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The filter's name.")]


@app.command("list")
def list_filters(collection: CollectionOption = None, as_json: JsonOption = False) -> None:
    """List the saved filters."""
    with opened_names(collection) as names:
        saved = names.filters()
    if as_json:
        rows: Iterator[FilterRow] = ({"name": each.name, "filter": each.filter} for each in saved)
        put_json_rows(rows)
        return
    put_table([(each.name, each.filter) for each in saved], ("name", "filter"))


@app.command()
def save(
    name: NameArgument,
    filter: FilterArgument,
    *,
    replace: ReplaceOption = False,
    strict: StrictToKeepOption = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Save a filter under a name; one that means another is kept unless --replace is given."""
    from curator.index.tables.rows import SavedFilter

    with opened(collection) as session, session.edits.recorded() as commits:
        Selection(filter, is_strict=strict).of(session)
        is_new = session.filters.save(SavedFilter(name, filter), replace=replace)
    if as_json:
        put_named(name, commits)
    else:
        tell(f"filter {name} saved" if is_new else f"nothing was changed: {name} is saved so already")


@app.command()
def remove(name: NameArgument, collection: CollectionOption = None, as_json: JsonOption = False) -> None:
    """Forget a saved filter."""
    with opened(collection) as session, session.edits.recorded() as commits:
        if not session.filters.remove(name):
            known = [each.name for each in session.filters.all()]
            raise UserError(f"there is no saved filter '{name}'", did_you_mean(name, known))
    put_named(name, commits) if as_json else tell(f"filter {name} removed")
