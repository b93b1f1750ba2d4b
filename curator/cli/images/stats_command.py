"""`frieze stats`: counts of a collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import opened, runs_of
from curator.cli.shared.output import put, put_json, put_table
from curator.cli.shared.typer_apps import single

if TYPE_CHECKING:
    from curator.cli.schemas.collection import StatsReport
    from curator.cli.schemas.words import FileReason
    from curator.session.session import Session


def stats(collection: CollectionOption = None, as_json: JsonOption = False) -> None:
    """Count what the collection holds, and name the files that could not be read."""
    with opened(collection) as session:
        counts = _counts(session)
        quarantined = session.quarantine.all()
    counts["runs"] = runs_of(collection).count()
    if as_json:
        files: list[FileReason] = [{"path": each.path, "reason": each.reason} for each in quarantined]
        named = {name.replace(" ", "_"): count for name, count in counts.items()}
        put_json(cast("StatsReport", {"schema": "frieze/stats/1", **named, "quarantined": files}))
        return
    put_table([(count, name) for name, count in counts.items()], ("count", "of"))
    for each in quarantined:
        put(f"quarantined: {each.path}: {each.reason}")


def _counts(session: Session) -> dict[str, int]:
    tags = session.tags.all()
    return {
        **session.images.totals(session.images.select("").bitmap()),
        "tags": sum(1 for tag in tags if tag.count),
        "tags on images": sum(tag.count for tag in tags),
        "subsets": len(session.subsets.all()),
        "manifests": len(session.freezing.manifests()),
    }


app = single(stats)
