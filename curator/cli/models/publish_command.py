"""`frieze publish`: a model on the Hugging Face hub, with its card and metadata made from the record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, DryRunOption, JsonOption, YesOption
from curator.cli.options.places import runs_of
from curator.cli.shared.output import progress_shown, put, put_json, put_table, put_text, say, tell
from curator.cli.shared.typer_apps import single, with_options
from curator.contract.errors import ExitCode, UserError
from curator.contract.text import counted, visible
from curator.publish.choices import MAIN, CardChoices, Target

if TYPE_CHECKING:
    from curator.cli.schemas.publishing import PublicationPlan, PublishReport
    from curator.contract.run.run_folder import RunFolder
    from curator.session.training.publishing import Publication, RunView


@dataclass(frozen=True)
class CardOptions:
    """What the record cannot know."""

    title: Annotated[
        str | None,
        typer.Option("--title", metavar="TEXT", help="Title; default: the recipe's, or the file's."),
    ]
    license: Annotated[
        str | None, typer.Option("--license", metavar="NAME", help="Licence; default: the recipe's.")
    ]
    trigger: Annotated[
        str | None,
        typer.Option(
            "--trigger", metavar="WORDS", help="Trigger words, with commas; default: the manifest's."
        ),
    ]
    ratio: Annotated[
        float | None,
        typer.Option(
            "--ratio", metavar="X", help="Recommended strength of an adapter; default: the card names none."
        ),
    ]
    base_model: Annotated[
        str | None,
        typer.Option(
            "--base-model",
            metavar="NAME",
            help="The base model on the hub, OWNER/NAME; default: the recipe's.",
        ),
    ]
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            "--dataset", metavar="NAME", help="A data set of the hub it was trained on; repeatable."
        ),
    ]
    samples: Annotated[
        int | None,
        typer.Option("--samples", metavar="N", min=0, help="Sample images of the card, at most; default: 8."),
    ]
    thumbnail: Annotated[
        Path | None,
        typer.Option("--thumbnail", metavar="FILE", help="Image of the file; default: the first sample."),
    ]

    def choices(self) -> CardChoices:
        """The same, with what is not given left to the record."""
        return CardChoices(
            title=self.title or "",
            license=self.license or "",
            trigger=self.trigger or "",
            ratio=self.ratio,
            base_model=self.base_model or "",
            datasets=tuple(self.dataset or ()),
            samples=CardChoices.samples if self.samples is None else self.samples,
            thumbnail=self.thumbnail,
        )


@with_options(CardOptions)
def publish(
    what: Annotated[str, typer.Argument(metavar="RUN|MODEL", help="Name of a run, or a .safetensors file.")],
    *,
    repo: Annotated[
        str, typer.Option("--repo", metavar="OWNER/NAME", help="Repository of the hub; made if need be.")
    ],
    options: CardOptions,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            "--checkpoint", metavar="STEP|FILE", help="Which weights of the run; default: the last."
        ),
    ] = None,
    revision: Annotated[
        str, typer.Option("--revision", metavar="BRANCH", help="Branch of the repository; made if need be.")
    ] = MAIN,
    public: Annotated[
        bool, typer.Option("--public", help="Show it to everybody; else the repository is private.")
    ] = False,
    with_state: Annotated[
        bool, typer.Option("--with-state", help="Upload the run's newest state, to resume from the hub.")
    ] = False,
    card: Annotated[
        Path | None,
        typer.Option("--card", metavar="FILE", help="A card of yours to merge into; default: the hub's."),
    ] = None,
    rewrite_card: Annotated[
        bool, typer.Option("--rewrite-card", help="Write sections anew that were edited by hand.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Come back when all is on the hub.")] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop an upload in the background after the file it is at.")
    ] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish the weights of a run, or a model file, on the Hugging Face hub; private, and in the background.

    The card, the file's metadata and its thumbnail are made from the record; what you wrote in the card stays. The
    token is that of HF_TOKEN or of 'hf auth login'. With --dry-run files and card are shown, and nothing is sent.
    """
    from curator.session.training.publishing import plan_publication, stop_upload, subject_named, upload

    subject = subject_named(what, checkpoint or "", runs_of(collection))
    target = Target(repo, revision, public, with_state)
    if stop:
        stop_upload(subject, target)
        tell(f"asked the upload to {repo} to stop")
        return
    publication = plan_publication(
        subject, options.choices(), target, card, rewrite=rewrite_card, is_dry=dry_run
    )
    for doubt in publication.doubts:
        say(doubt)
    if dry_run:
        _put_plan(publication, as_json)
        return
    if public and not yes:
        _ask_about_public(repo)
    if publication.folder.status() == "running":
        folder = publication.folder
        say(f"an upload to {repo} is at work already")
    else:
        with progress_shown("copy", "bytes") as show:
            folder = upload(publication, show)
    _tell_end(publication, folder, wait=wait, as_json=as_json)


def _ask_about_public(repo: str) -> None:
    import sys

    if not sys.stdin.isatty():
        raise UserError(f"--public shows {repo} to everybody", "add --yes")
    if not typer.confirm(f"show {visible(repo)} to everybody?", err=True):
        raise typer.Exit(ExitCode.NO)


def _put_plan(publication: Publication, as_json: bool) -> None:
    target, files = publication.target, publication.files
    if as_json:
        report: PublicationPlan = {
            "schema": "frieze/publication-plan/1",
            "path": str(publication.subject.weights.absolute()),
            "repo": target.repo,
            "revision": target.revision,
            "public": target.is_public,
            "files": [{"name": each.remote, "bytes": each.bytes} for each in files],
            "card": publication.card.merged.text,
            "edited": publication.card.merged.kept,
            "taken_out": publication.card.merged.left_out,
            "doubts": publication.doubts,
        }
        put_json(report)
        return
    put_table([(each.remote, f"{each.bytes:,}") for each in files], ("file", "bytes"))
    total = sum(each.bytes for each in files)
    kind = "public" if target.is_public else "private"
    put(
        f"{counted(len(files), 'file')}, {total / 1e6:,.1f} MB, to {target.repo} ({kind}), branch {target.revision}"
    )
    put("")
    put_text("\n".join(map(visible, publication.card.merged.text.splitlines())))


def _tell_end(publication: Publication, folder: RunFolder, *, wait: bool, as_json: bool) -> None:
    from curator.session.training.publishing import until_uploaded

    repo = publication.target.repo
    view: RunView | None = None
    if wait:
        try:
            with progress_shown("upload", "bytes") as show:
                view = until_uploaded(folder, show)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                "\nthe upload goes on; stop it with --stop, wait for it with --wait"
            ) from None
        if view.status != "finished":
            what, hint = view.failure or (
                f"the upload to {repo} was {view.status}",
                f"look into {folder.log_path}",
            )
            code = ExitCode.RUN_STOPPED if view.status == "stopped" else ExitCode.RUN_FAILED
            raise UserError(what, hint, code)
        for warning in view.warnings:
            say(f"{warning.what}: {warning.hint}")
    if as_json:
        report: PublishReport = {
            "schema": "frieze/publish/1",
            "path": str(publication.subject.weights.absolute()),
            "repo": repo,
            "revision": publication.target.revision,
            "public": publication.target.is_public,
            "folder": str(folder.path.absolute()),
            "status": view.status if view else folder.status(),
            "address": view.uploads[-1].address if view and view.uploads else None,
        }
        put_json(report)
    elif view is not None:
        tell(f"published: {view.uploads[-1].address}")
    else:
        tell(
            f"{publication.subject.weights.name} is being uploaded to {repo}; the same with --wait waits for it"
        )


app = single(publish)
