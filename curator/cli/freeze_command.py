"""`frieze freeze`: the findings first, then the manifest."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.shared.options import (
    BucketOptions,
    CollectionOption,
    JsonOption,
)
from curator.cli.shared.output import put, put_json, say
from curator.cli.shared.places import opened
from curator.cli.shared.progress import progress_shown
from curator.cli.shared.typer_apps import single, with_options
from curator.contract.text import visible

if TYPE_CHECKING:
    from curator.cli.schemas.training import FreezeReport
    from curator.cli.schemas.words import Doubt
    from curator.contract.buckets import BucketRule
    from curator.session.session import Session

_LONG = 500  # characters of a filter


@with_options(BucketOptions)
def freeze(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the manifest.")],
    *,
    options: BucketOptions,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a manifest of that name.")] = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Freeze the subsets into manifests/NAME.manifest.

    What is given of the bucket rule is kept with the collection.
    """
    with opened(collection) as session:
        rule = options.changed(session.buckets.rule)
        warnings = _tell_findings(session, rule)
        with progress_shown("freeze") as show:
            frozen = session.freezing.write(name, show, rule=rule, replace=replace)
        session.buckets.change_rule(options.changed)  # only a rule that has frozen something is kept
    if as_json:
        report: FreezeReport = {
            "schema": "frieze/freeze/1",
            "name": frozen.name,
            "path": str(frozen.path.absolute()),
            "digest": frozen.digest,
            "images": frozen.images,
            "samples_per_epoch": frozen.samples_per_epoch,
            "created_at": frozen.created_at,
            "warnings": warnings,
        }
        put_json(report)
        return
    put(f"{frozen.images} images, {frozen.samples_per_epoch} samples an epoch")
    put(f"digest {frozen.digest}")
    put(f"manifest {visible(str(frozen.path))}")


def _tell_findings(session: Session, rule: BucketRule) -> list[Doubt]:
    """Warnings; what stops is raised by the freeze itself."""
    found = [each for each in session.freezing.check(rule=rule).findings if each.level == "warn"]
    for finding in found:
        say(f"warning: {visible(finding.what)} ({visible(finding.hint)}{_where(finding.filter)})")
    return [{"what": each.what, "hint": each.hint} for each in found]


def _where(named: str) -> str:
    """How the images of a finding are looked at."""
    if len(named) > _LONG:
        return "; look at them on the app's Freeze screen"
    return f"; look with: frieze ls {visible(shlex.quote(named))}" if named else ""


app = single(freeze)
