"""`frieze freeze`: the findings first, then the manifest."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from curator.cli.options.caption_rules import RuleOption, given_rules
from curator.cli.options.options import (
    BucketOptions,
    CollectionOption,
    DryRunOption,
    JsonOption,
    ReplaceOption,
)
from curator.cli.options.places import opened
from curator.cli.shared.output import progress_shown, put, put_json, tell, warn
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
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="SUBSET", help="Freeze this subset alone; default: all. May be repeated."
        ),
    ] = None,
    captions: RuleOption = None,
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

    What is given of the bucket rule is kept with the collection; a --rule holds for all subsets of this manifest alone.
    """
    with opened(collection) as session:
        rule = options.changed(session.buckets.rule)
        wanted = _Wanted(rule, tuple(only or ()), given_rules(captions or ()))
        standing = session.freezing.standing(name, *wanted) if if_changed else None
        warnings = _tell_findings(session, wanted) if standing is None else []
        if dry_run:
            _tell_outlook(session, wanted, standing, warnings, as_json=as_json)
            return
        frozen = standing or _frozen(session, name, wanted, replace=replace)
        session.buckets.change_rule(options.changed)  # only a rule that has frozen something is kept
    if as_json:
        report: FreezeReport = {
            "schema": "frieze/freeze/1",
            "name": frozen.name,
            "path": str(frozen.path.absolute()),
            "digest": frozen.digest,
            "images": frozen.images,
            "held_out": frozen.held_out,
            "samples_per_epoch": frozen.samples_per_epoch,
            "created_at": frozen.created_at,
            "is_new": standing is None,
            "warnings": warnings,
        }
        put_json(report)
        return
    if standing:
        tell(f"nothing that is frozen has changed: the manifest {standing.name} stands")
    tell(_in_words(frozen.images, frozen.samples_per_epoch, frozen.held_out))
    tell(f"digest {frozen.digest}")
    tell(f"manifest {frozen.path}")


def _in_words(images: int, samples: int, held_out: int) -> str:
    apart = f", {counted(held_out)} held out for validation" if held_out else ""
    return f"{counted(images)}, {counted(samples, 'sample')} an epoch{apart}"


class _Wanted(NamedTuple):
    """What a freeze is given: the bucket rule, the subsets if not all, and caption rules for theirs."""

    rule: BucketRule
    only: tuple[str, ...]
    captions: dict[str, Any]


def _frozen(session: Session, name: str, wanted: _Wanted, *, replace: bool) -> FrozenManifest:
    with progress_shown("freeze") as show:
        return session.freezing.write(name, show, **wanted._asdict(), replace=replace)


def _tell_outlook(
    session: Session,
    wanted: _Wanted,
    standing: FrozenManifest | None,
    warnings: list[Doubt],
    *,
    as_json: bool,
) -> None:
    """What a freeze would write.

    Raises:
        UserError: a finding stops it.
    """
    report = session.freezing.check(**wanted._asdict())
    for finding in report.stops:
        raise UserError(finding.what, finding.hint)
    images, samples = report.preview.images, report.preview.samples_per_epoch
    if as_json:
        outlook: FreezeOutlook = {
            "schema": "frieze/freeze-outlook/1",
            "images": images,
            "held_out": report.preview.held_out,
            "samples_per_epoch": samples,
            "stands": standing.name if standing else None,
            "warnings": warnings,
        }
        put_json(outlook)
    elif standing:
        put(f"nothing would be written: the manifest {standing.name} stands")
    else:
        put(f"{_in_words(images, samples, report.preview.held_out)} would be frozen")


def _tell_findings(session: Session, wanted: _Wanted) -> list[Doubt]:
    """Warnings; what stops is raised by the freeze itself."""
    report = session.freezing.check(**wanted._asdict())
    found = [each for each in report.findings if each.level == "warn"]
    for finding in found:
        warn(f"warning: {finding.what} ({finding.hint}{_where(finding.filter)})")
    return [{"what": each.what, "hint": each.hint} for each in found]


def _where(named: str) -> str:
    """How the images of a finding are looked at."""
    if len(named) > _LONG:
        return "; look at them on the app's Freeze screen"
    return f"; look with: frieze ls {shlex.quote(named)}" if named else ""


app = single(freeze)
