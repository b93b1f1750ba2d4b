"""`frieze demo`: the whole way, from photographs to a LoRA that diffusers loads, a baked model and a grid."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curator.cli.demo.collection import RULE, SUBSETS, lay_out
from curator.cli.demo.ingredients import bring
from curator.cli.demo.report import Outcome, tell
from curator.cli.demo.typed import more_weights, step, tag
from curator.cli.shared.output import say, stderr_console
from curator.cli.shared.typer_apps import single
from curator.contract.errors import ExitCode, UserError
from curator.contract.locations import DEMO_MARKER, runs_folder
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.contract.run.run_folder import RunFolder
    from curator.runs.fold import RunView
    from curator.session.session import Session
    from curator.session.training.manifests import FrozenManifest

_PROMPTS = (
    "coffee, cup, red cup",
    "cat, animal, tabby",
    "space, galaxy, black background",
    "motorcycle, red vehicle",
)
_CLEARLY_BELOW = 0.95  # of the loss before; the same noise on both sides leaves no luck in it
_SAME_PICTURE = 1e-4


def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Folder to make; a demo made before is replaced.")
    ] = Path("demo"),
    prepare: Annotated[
        bool,
        typer.Option(
            "--prepare", help="Only bring the photographs and an untaught tiny model, where they are not yet."
        ),
    ] = False,
) -> None:
    """Tag a small collection, freeze it, train a LoRA and a LoKr, bake, and draw a grid. Takes some minutes."""
    from curator.session.session import Session

    if prepare:
        _refuse_other(folder)
        bring(folder)
        return
    started = time.monotonic()
    _clear(folder)
    count = lay_out(folder / "pictures")
    step("index", f"{count} photographs with tags written beside them")
    with Session.create(folder) as session:
        session.images.scan(folder / "pictures")
    tag(folder)
    with Session.open(folder) as session:
        session.buckets.set_rule(RULE)
        for subset in SUBSETS:
            session.subsets.save(subset)
        frozen = session.freezing.write("demo")
        _tell_frozen(session, frozen)
        base = folder / "base"
        _make_base(frozen.path, base)
        run = _train(session, frozen, base)
    outcome = _verify(run, base)
    more_weights(folder, outcome.lora)
    tell(folder, outcome, time.monotonic() - started)


def _clear(folder: Path) -> None:
    """A demo made before is replaced; anything else is left alone."""
    _refuse_other(folder)
    _stop_living_runs(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / DEMO_MARKER).touch()


def _refuse_other(folder: Path) -> None:
    """Whether a demo can be made in `folder`."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file", "name another folder: frieze demo DIR")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / DEMO_MARKER).exists():
        raise UserError(f"{folder} is not empty and no demo", "name another folder: frieze demo DIR")


def _stop_living_runs(folder: Path) -> None:
    from curator.session.training.runs import Runs

    for run in Runs(runs_folder(folder)).all():
        if run.is_alive:
            raise UserError(
                "the last demo's run still trains",
                f"stop it: frieze runs stop {run.name} --collection {folder}",
            )


def _tell_frozen(session: Session, frozen: FrozenManifest) -> None:
    from curator.contract.recipe.toml_file import load_recipe

    preview = session.freezing.preview(load_recipe("tiny-demo").batch)
    buckets = ", ".join(f"{w}x{h}" for w, h in (load.bucket for load in preview.buckets))
    for share in preview.subsets:
        step(
            "subset",
            f"{share.name}: {counted(share.images)} x {share.repeats:g} = {share.share:.0%} of an epoch",
        )
    step(
        "freeze",
        f"{counted(frozen.images)}, {counted(frozen.samples_per_epoch, 'sample')} an epoch,"
        f" digest {frozen.digest[:12]}",
    )
    step("buckets", buckets)


def _make_base(manifest: Path, base: Path) -> None:
    """A tiny model with SD1's architecture that has seen the images just enough to draw blobs."""
    step("base model", "SD1's architecture at a hundredth of its width; it first learns to draw blobs")
    steps = ("--vae-steps", "120", "--unet-steps", "120")
    command = [sys.executable, "-m", "train.tiny.base", str(base), "--pictures", str(manifest), *steps]
    said = ""
    with (
        _progress_bar() as show,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as worker,
    ):
        try:
            assert worker.stdout is not None
            for line in worker.stdout:
                said = line.strip() or said
                show(line)
        except BaseException:
            worker.terminate()
            raise
    if worker.returncode:
        raise UserError("the tiny base model could not be made", said or "is the disk full?")


@contextmanager
def _progress_bar() -> Generator[Any]:
    """Shows lines such as `tiny-base vae 10/250 loss 0.1`: a bar on a terminal, every fifth of a phase elsewhere."""
    console = stderr_console()
    if not sys.stderr.isatty():
        yield _plain_progress
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:>12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, refresh_per_second=4) as bar:
        tasks: dict[str, Any] = {}

        def show(line: str) -> None:
            said = _parsed(line)
            if said:
                phase, done, total, _ = said
                if phase not in tasks:
                    tasks[phase] = bar.add_task(phase, total=total)
                bar.update(tasks[phase], completed=done)

        yield show


def _plain_progress(line: str) -> None:
    said = _parsed(line)
    if said and (said[1] == said[2] or said[1] % max(said[2] // 5, 1) == 0):
        say(f"{'':>12}  {said[0]} {said[1]}/{said[2]}  loss {said[3]}")


def _parsed(line: str) -> tuple[str, int, int, str] | None:
    words = line.split()
    if len(words) != 5 or words[0] != "tiny-base" or "/" not in words[2]:
        return None
    done, _, total = words[2].partition("/")
    return words[1], int(done), int(total), words[4]


def _train(session: Session, frozen: FrozenManifest, base: Path) -> RunFolder:
    from curator.contract.recipe.toml_file import load_recipe

    recipe = load_recipe("tiny-demo")
    sample = replace(recipe.sample, prompts=_PROMPTS, steps=16, cfg=4.0, width=64, height=64, sampler="ddim")
    recipe = replace(
        recipe,
        model=replace(recipe.model, path=str(base.absolute())),
        sample=sample,
        evaluate=replace(recipe.evaluate, images=frozen.images),
    )
    step("train", "a LoRA, in a process of its own: it would live on if this window closed")
    run = session.runs.launch(frozen.path, recipe, "demo")
    _follow(run)
    return run


def _follow(run: RunFolder) -> None:
    from curator.cli.shared.following import follow

    view = follow(run)
    if view.status != "finished":
        failure = view.failure or (f"the run {view.status}", f"look into {run.log_path}")
        raise UserError(*failure, ExitCode.RUN_STOPPED if view.status == "stopped" else ExitCode.RUN_FAILED)


def _verify(run: RunFolder, base: Path) -> Outcome:
    from curator.session.training.runs import Runs

    view = Runs.follow(run).poll()
    lora = run.path / view.checkpoints[-1].path
    step("verify", "loading the LoRA in diffusers, beside our own application of it")
    report = _verify_lora(base, lora)
    (_, before), *_, (_, after) = view.evaluations
    if not after < before * _CLEARLY_BELOW:
        raise UserError(
            f"the loss is {after:.4f} after training and was {before:.4f} before",
            "this is a bug: report it",
            ExitCode.BUG,
        )
    if not report["difference"] < _SAME_PICTURE < report["effect"]:
        hint = f"this is a bug: report {report}"
        raise UserError("diffusers and Frieze apply the LoRA differently", hint, ExitCode.BUG)
    samples = tuple(_pairs(view))
    return Outcome(run, base, lora, before, after, samples, report["difference"], report["effect"])


def _verify_lora(base: Path, lora: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "train.programs.verify_lora", str(base), str(lora), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        complaint = done.stderr.strip().splitlines()
        raise UserError(
            "diffusers could not load the LoRA", complaint[-1] if complaint else "this is a bug: report it"
        )
    return json.loads(done.stdout)


def _pairs(view: RunView) -> Generator[tuple[str, str, str]]:
    first: dict[str, str] = {}
    for sample in view.samples:
        if sample.prompt in first and sample.step == view.total_steps:
            yield sample.prompt, first[sample.prompt], sample.path
        first.setdefault(sample.prompt, sample.path)


app = single(demo)
