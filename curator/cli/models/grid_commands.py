"""`frieze grid`: images of saved weights side by side, made, shown and judged blind (rows S088, S089, B10)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, DryRunOption, JsonOption, ReplaceOption
from curator.cli.options.places import enclosing_collection, runs_of
from curator.cli.shared.output import progress_shown, put, put_json, put_table, say, tell, warn
from curator.cli.shared.typer_apps import noun
from curator.contract.errors import ExitCode, UserError, did_you_mean
from curator.contract.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curator.cli.schemas.grids import (
        GridAdapter,
        GridCellRow,
        GridChoice,
        GridComparison,
        GridOutlook,
        GridReport,
        GridStanding,
        GridView,
        PairToJudge,
    )
    from curator.contract.run.run_folder import RunFolder
    from curator.session.training.grids import Comparison, GridCell, GridFile, MadeGrid, Outlook, Standing

app = noun("Make images of saved weights side by side; show, judge and choose.", plain_verb="make")
DirArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a grid.")]


@app.command()
def make(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="A TOML file that says what is compared.")],
    *,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Folder of the grid; one that is there is gone on with."),
    ],
    dry_run: DryRunOption = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a grid of images: 'frieze grid SPEC --out DIR'. Stopped and asked again, it goes on.

    Ends with 1 where images could not be made.
    """
    from curator.contract.grid.spec import load_grid
    from curator.session.training.grids import grid_outlook, make_grid, plan_grid

    def find_run(name: str) -> RunFolder:
        return runs_of(collection).find(name)

    plan = plan_grid(load_grid(spec), find_run)
    outlook = grid_outlook(plan, out)
    for doubt in plan.doubts:
        say(f"{doubt.what}: {doubt.hint}")
    _tell_outlook(outlook, as_json=as_json, is_dry=dry_run)
    if dry_run:
        return
    with progress_shown("render") as show:
        made = make_grid(plan, out, lambda what, hint: say(f"{what}: {hint}"), show)
    _tell_made(made, out, as_json=as_json)
    if any(cell.failed for cell in made.grid.cells):
        raise typer.Exit(ExitCode.NO)


def _tell_outlook(outlook: Outlook, *, as_json: bool, is_dry: bool) -> None:
    if changed := outlook.changed_in_words():
        say(changed)
    if not is_dry:
        return
    if as_json:
        report: GridOutlook = {
            "schema": "frieze/grid-plan/1",
            "cells": outlook.cells,
            "images": outlook.images,
            "to_make": outlook.missing,
            "models_to_load": outlook.models,
            "steps": outlook.steps,
            "seconds_left": outlook.seconds,
            "made_anew": dict(outlook.changed),
        }
        put_json(report)
        return
    for line in outlook.in_words():
        put(line)


def _tell_made(made: MadeGrid, folder: Path, *, as_json: bool) -> None:
    cells = made.grid.cells
    failed, collapsed = ([c for c in cells if c.failed], [c for c in cells if c.collapsed])
    if as_json:
        report: GridReport = {
            "schema": "frieze/grid/1",
            "folder": str(folder.absolute()),
            "made": made.made,
            "sheets": [str(path.absolute()) for path in made.pages],
            "page": str(made.html.absolute()),
            "cells": _rows(made.grid, folder),
        }
        put_json(report)
        return
    _draw(made.grid, folder, None)
    for path in (*made.pages, made.html):
        put(str(path))
    tell(f"{counted(len(cells), 'cell')}, {counted(made.made)} made now")
    for cell in collapsed:
        warn(f"{cell.name} collapsed: {cell.collapsed}")
    for cell in failed:
        warn(f"{cell.name} failed: {cell.failed}")


def _rows(grid: GridFile, folder: Path) -> list[GridCellRow]:
    return [_row(grid, folder, cell) for cell in grid.cells]


def _row(grid: GridFile, folder: Path, cell: GridCell) -> GridCellRow:
    from curator.session.training.grids import image_of

    path, image = image_of(folder, cell), cell.image
    return {
        "cell": cell.name,
        "axes": dict(zip((axis.name for axis in grid.axes), grid.labels(cell), strict=True)),
        "path": str(path.absolute()) if path else None,
        "model": grid.models[image.model],
        "adapters": _adapters(image.adapters),
        "prompt": image.prompt,
        "negative_prompt": image.negative_prompt,
        "seed": image.seed,
        "steps": image.steps,
        "scale": image.scale,
        "sampler": image.sampler,
        "clip_skip": image.clip_skip,
        "collapsed": cell.collapsed,
        "fault": cell.failed,
    }


def _adapters(adapters: tuple[tuple[str, float], ...]) -> list[GridAdapter]:
    return [{"path": file, "ratio": ratio} for file, ratio in adapters]


@app.command()
def show(
    folder: DirArgument,
    page: Annotated[
        int | None, typer.Option("--page", metavar="N", min=1, help="This page alone; default: all.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a grid in the terminal; elsewhere list its cells."""
    from curator.session.training.grids import open_grid

    grid = open_grid(folder)
    pages = grid.length(2)
    if page is not None and page > pages:
        raise UserError(f"the grid has {counted(pages, 'page')}", f"give --page 1 to {pages}")
    shown = grid.cells if page is None else [cell for row in grid.page(page - 1) for cell in row]
    if as_json:
        rows = [row for row in _rows(grid, folder) if row["cell"] in {cell.name for cell in shown}]
        view: GridView = {"schema": "frieze/grid-view/1", "folder": str(folder.absolute()), "cells": rows}
        put_json(view)
        return
    if not _draw(grid, folder, page):
        names = [axis.name for axis in grid.axes]
        table = [(cell.name, *grid.labels(cell), cell.failed or cell.collapsed) for cell in shown]
        put_table(table, ("cell", *names, "fault"))


def _draw(grid: GridFile, folder: Path, page: int | None) -> bool:
    """Draw a page or all of them where the terminal has colours; whether it was done."""
    from curator.cli.models.grid_drawing import draw_page

    pages = range(grid.length(2)) if page is None else [page - 1]
    done = [draw_page(grid, folder, each) for each in pages]
    return all(done)


@app.command()
def judge(
    folder: DirArgument,
    *,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by", metavar="AXIS", help="What is judged; repeatable; default: all but prompt, seed and size."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="S", min=0, help="Seed of the order.")] = 0,
    choices: Annotated[
        str | None,
        typer.Option(
            "--choices",
            metavar="FILE|-",
            help="Take left, right, tie, skip or undo from lines; '-' is stdin.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Judge pairs of images blind, by keys; choices are kept in the folder, and a table says what won.

    With --json, with --choices, or where there is no terminal, nothing is asked: the table is printed.
    """
    from curator.session.training.grids import compare_grid

    comparison = compare_grid(folder, by or (), seed)
    if choices is not None:
        _obey(comparison, choices)
    elif not as_json and sys.stdin.isatty() and sys.stdout.isatty():
        from curator.tui.judge_app import judge as ask

        ask(comparison, enclosing_collection(folder) or enclosing_collection(Path.cwd()))
    _tell_standings(comparison, as_json=as_json)


def _obey(comparison: Comparison, source: str) -> None:
    from curator.session.training.grids import VERDICTS

    for number, line in enumerate(_lines(source), 1):
        word = line.strip()
        if word in VERDICTS:
            comparison.choose(word)
        elif word == "undo":
            comparison.undo()
        elif word:
            raise UserError(f"line {number} is '{word}'", did_you_mean(word, (*VERDICTS, "undo")))


def _lines(source: str) -> Iterator[str]:
    if source == "-":
        yield from sys.stdin
        return
    try:
        yield from Path(source).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{source} cannot be read as text", "give a choice a line") from error


def _tell_standings(comparison: Comparison, *, as_json: bool) -> None:
    from curator.session.training.grids import STANDING_HEADS

    rows, pair = comparison.standings(), comparison.next_pair()
    if as_json:
        following: PairToJudge | None = (
            {"left": str(pair.left_file.absolute()), "right": str(pair.right_file.absolute()),
             "prompt": pair.left.image.prompt} if pair else None
        )  # fmt: skip
        report: GridComparison = {
            "schema": "frieze/grid-judge/1",
            "folder": str(comparison.folder.absolute()),
            "by": list(comparison.by),
            "pairs": comparison.total,
            "judged": comparison.done,
            "standings": [_standing(row) for row in rows],
            "next": following,
        }
        put_json(report)
        return
    put_table([row.in_words() for row in rows], STANDING_HEADS)
    tell(f"{comparison.done:,} of {counted(comparison.total, 'pair')} judged")


def _standing(row: Standing) -> GridStanding:
    return {
        "candidate": row.candidate,
        "compared": row.compared,
        "wins": row.won,
        "ties": row.tied,
        "defeats": row.lost,
        "win_share": row.share,
        "elo": row.rating,
    }


@app.command()
def choose(
    folder: DirArgument,
    cell: Annotated[str, typer.Argument(metavar="CELL", help="Name of a cell, such as B3.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="PLACE", help="Bake at once, to a .safetensors file; default: do not."),
    ] = None,
    replace_it: ReplaceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print the command that bakes a cell's adapters into its model, each at its ratio; with --out bake them."""
    from curator.session.training.grids import bake_cell, choose_cell, open_grid

    if replace_it and out is None:
        raise UserError("--replace is of what --out writes", "give --out as well")
    chosen = choose_cell(open_grid(folder), cell)
    command = chosen.command(out or chosen.usual_place)
    if out is not None:
        with progress_shown("bake", "bytes") as show:
            doubts = bake_cell(chosen, out, show, replaces=replace_it)
        for doubt in doubts:
            say(f"{doubt['what']}: {doubt['hint']}")
    if as_json:
        report: GridChoice = {
            "schema": "frieze/grid-choose/1",
            "cell": chosen.name,
            "model": chosen.model,
            "adapters": _adapters(chosen.adapters),
            "command": command,
            "baked": None if out is None else str(out.absolute()),
        }
        put_json(report)
        return
    put(command if out is None else str(out))
