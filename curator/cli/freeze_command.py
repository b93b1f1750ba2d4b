"""`frieze freeze`: the findings first, then the manifest."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.shared.options import (
    BucketOptions,
    CollectionOption,
    DryRunOption,
    JsonOption,
    ReplaceOption,
)
from curator.cli.shared.output import progress_shown, put, put_json, tell, warn
from curator.cli.shared.places import opened
from curator.cli.shared.typer_apps import single, with_options
from curator.contract.errors import UserError
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.manifests import FreezeOutlook, FreezeReport
    from curator.cli.schemas.words import Doubt
    from curator.contract.buckets import BucketRule
    from curator.session.session import Session
    from curator.session.training.manifests import FrozenManifest

_LONG = 500  # characters of a filter


@with_options(BucketOptions)
def freeze(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the manifest.")],
    *,
    options: BucketOptions,
    if_changed: Annotated[
        bool,
        typer.Option(
            "--if-changed",
            help="Write nothing where the manifest of that name, or else the newest, holds the very same.",
        ),
    ] = False,
    dry_run: DryRunOption = False,
    replace: ReplaceOption = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Freeze the subsets into manifests/NAME.manifest.

    What is given of the bucket rule is kept with the collection.
    """
    with opened(collection) as session:
        rule = options.changed(session.buckets.rule)
        standing = session.freezing.standing(name, rule) if if_changed else None
        warnings = _tell_findings(session, rule) if standing is None else []
        if dry_run:
            _tell_outlook(session, rule, standing, warnings, as_json=as_json)
            return
        frozen = standing or _frozen(session, name, rule, replace=replace)
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
            "is_new": standing is None,
            "warnings": warnings,
        }
        put_json(report)
        return
    if standing:
        tell(f"nothing that is frozen has changed: the manifest {standing.name} stands")
    tell(f"{counted(frozen.images)}, {counted(frozen.samples_per_epoch, 'sample')} an epoch")
    tell(f"digest {frozen.digest}")
    tell(f"manifest {frozen.path}")


def _frozen(session: Session, name: str, rule: BucketRule, *, replace: bool) -> FrozenManifest:
    with progress_shown("freeze") as show:
        return session.freezing.write(name, show, rule=rule, replace=replace)


def _tell_outlook(
    session: Session,
    rule: BucketRule,
    standing: FrozenManifest | None,
    warnings: list[Doubt],
    *,
    as_json: bool,
) -> None:
    """What a freeze would write.

    Raises:
        UserError: a finding stops it.
    """
    report = session.freezing.check(rule=rule)
    for finding in report.stops:
        raise UserError(finding.what, finding.hint)
    images, samples = report.preview.images, report.preview.samples_per_epoch
    if as_json:
        outlook: FreezeOutlook = {
            "schema": "frieze/freeze-outlook/1",
            "images": images,
            "samples_per_epoch": samples,
            "stands": standing.name if standing else None,
            "warnings": warnings,
        }
        put_json(outlook)
    elif standing:
        put(f"nothing would be written: the manifest {standing.name} stands")
    else:
        put(f"{counted(images)}, {counted(samples, 'sample')} an epoch would be frozen")


def _tell_findings(session: Session, rule: BucketRule) -> list[Doubt]:
    """Warnings; what stops is raised by the freeze itself."""
    found = [each for each in session.freezing.check(rule=rule).findings if each.level == "warn"]
    for finding in found:
        warn(f"warning: {finding.what} ({finding.hint}{_where(finding.filter)})")
    return [{"what": each.what, "hint": each.hint} for each in found]


def _where(named: str) -> str:
    """How the images of a finding are looked at."""
    if len(named) > _LONG:
        return "; look at them on the app's Freeze screen"
    return f"; look with: frieze ls {shlex.quote(named)}" if named else ""


app = single(freeze)
