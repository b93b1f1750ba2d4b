"""`frieze propose`: a tag model asked about images, in the background."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import opened
from curator.cli.options.selection import ImagesOrAll, takes_images
from curator.cli.shared.job_report import failed_images, tell_end, watch_job
from curator.cli.shared.output import put, put_json, say, tell
from curator.cli.shared.typer_apps import single
from curator.contract.errors import UserError
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.models import JobStarted, ProposeReport
    from curator.contract.tagging.zoo import ZooModel
    from curator.session.images.proposals import AskedFor, JobView


@takes_images
def propose(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A name of 'frieze models list', or a folder with model.onnx and its labels.",
        ),
    ],
    images: ImagesOrAll,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the end; Ctrl-C leaves the job at work.")
    ] = False,
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        typer.Option("--device", help="Where the model runs; auto is a GPU where one can be used."),
    ] = "auto",
    batch_size: Annotated[
        int, typer.Option("--batch-size", metavar="N", min=0, help="Images at once; 0 suits the model.")
    ] = 0,
    processes: Annotated[
        int,
        typer.Option(
            "--processes",
            metavar="N",
            min=1,
            help="So many share the images: one for each GPU, through torchrun.",
        ),
    ] = 1,
    hosts: Annotated[
        int,
        typer.Option(
            "--hosts",
            metavar="N",
            min=1,
            help="So many machines share the images: prints what to run on each, through torchrun.",
        ),
    ] = 1,
    decoders: Annotated[
        int,
        typer.Option(
            "--decoders", metavar="N", min=0, help="Processes that decode images; 0 suits the machine."
        ),
    ] = 0,
    cluster: Annotated[
        str,
        typer.Option(
            "--cluster",
            metavar="HOST:PORT",
            help="A Ray cluster looks at the images instead of this machine, which must be one of it.",
        ),
    ] = "",
    cluster_path: Annotated[
        list[str] | None,
        typer.Option(
            "--cluster-path",
            metavar="HERE=THERE",
            help="Where the cluster's machines find a folder of this one; may be given several times.",
        ),
    ] = None,
    prompt: Annotated[
        str,
        typer.Option("--prompt", metavar="TEXT", help="How a caption begins; to an endpoint, what is asked."),
    ] = "",
    max_length: Annotated[
        int, typer.Option("--max-length", metavar="N", min=1, help="Longest caption, in tokens.")
    ] = 75,
    beams: Annotated[
        int, typer.Option("--beams", metavar="N", min=1, help="Beams of the search for a caption.")
    ] = 3,
    top_p: Annotated[
        float,
        typer.Option(
            "--top-p",
            metavar="P",
            min=0,
            max=1,
            help="Draw a caption's words from so much of the mass; 0 searches.",
        ),
    ] = 0.0,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of drawn captions.")] = 0,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a model for tags, a score or a caption of images that it has not seen yet, in the background."""
    from curator.contract.tagging.job import Captioning
    from curator.contract.tagging.zoo import find_model
    from curator.session.images.proposals import HowToPropose

    found = find_model(model)
    if wait and hosts > 1:
        raise UserError(
            "the job begins when all its hosts have been started",
            "leave --wait out; then: frieze jobs follow JOB",
        )
    captioning = Captioning(max_length, min(5, max_length), beams, top_p, seed, prompt)
    how = HowToPropose(
        device, batch_size, decoders, processes, hosts, captioning, cluster, _paths(cluster_path)
    )
    with opened(collection) as session:
        found_images = images.of(session)
        asked = session.proposals.propose(found, found_images.ids.tolist(), how, images.filter)
        _say_licence(found, asked)
        if not wait:
            _put_started(found, asked, as_json)
            return
        view = watch_job(session, asked.job) if asked.job else None
        if as_json:
            _put_report(found, asked, view, session.proposals.answered(asked, found_images.ids.tolist()))
        if view is None:
            if not as_json:
                _tell_nothing_left(found, asked)
            return
        tell_end(view)
        if not as_json:
            tell(
                f"{view.done:,} of {counted(view.total)} on {view.device}, {view.images_per_s or 0:.1f} images/s"
            )


def _paths(pairs: list[str] | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs or ():
        here, _, there = pair.partition("=")
        if not here or not there.startswith("/"):
            raise UserError(
                f"'{pair}' does not say where a folder is", "give HERE=THERE, such as /mnt/nas=/data"
            )
        found[str(Path(here).expanduser().absolute())] = there
    return found


def _put_report(model: ZooModel, asked: AskedFor, view: JobView | None, done: int) -> None:
    report: ProposeReport = {
        "schema": "frieze/propose/1",
        "model": model.name,
        "provider": (view.device or None) if view else None,
        "images": asked.images,
        "done": done,
        "failed": failed_images(view) if view else [],
        "images_per_s": view.images_per_s if view else None,
    }
    put_json(report)


def _put_started(model: ZooModel, asked: AskedFor, as_json: bool) -> None:
    if as_json:
        report: JobStarted = {
            "schema": "frieze/job-started/1",
            "job": asked.job.path.name if asked.job else None,
            "model": model.name,
            "images": asked.images,
            "answered": asked.answered,
            "commands": asked.commands,
        }
        put_json(report)
    elif asked.job is None:
        _tell_nothing_left(model, asked)
    else:
        job = asked.job.path.name
        if asked.commands:
            say(
                f"{job} begins when each of {len(asked.commands)} hosts has been given its line, this one the first:"
            )
            for command in asked.commands:
                put(command)
        else:
            tell(f"{job} looks at {counted(asked.images - asked.answered)}")
        say(f"follow it with: frieze jobs follow {job}")


def _tell_nothing_left(model: ZooModel, asked: AskedFor) -> None:
    tell(f"{model.name} has seen all of {counted(asked.images)}")


def _say_licence(model: ZooModel, asked: AskedFor) -> None:
    if asked.first_time:
        say(f"licence of {model.name}: {model.row.licence}")


app = single(propose)
