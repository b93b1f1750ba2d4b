"""Reports as pages: of a run, with its data, or of a manifest alone (row B20)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.manifest.manifest import open_manifest
from curator.contract.progress import Progress, silent
from curator.contract.recipe.toml_file import load_recipe
from curator.contract.run.origin import without_folders
from curator.pages.html import Html, safe, write_page_for_person
from curator.pages.pictures import Pictures
from curator.reports import run_sections as of_run
from curator.reports.data_sections import data_sections
from curator.reports.layout import STYLE, Section, laid_out
from curator.reports.run_curves import curves_of
from curator.reports.sample_grid import samples_section

if TYPE_CHECKING:
    from curator.contract.run.run_folder import RunFolder, RunInfo
    from curator.reports.run_curves import RunCurves

# Shares of a run's pictures: its samples say most.
_OF_SAMPLES, _OF_EXAMPLES, _OF_EXTREMES = 0.6, 0.2, 0.1


@dataclass(frozen=True)
class WrittenReport:
    """A page that was written, its size, and how many pictures are in it and were left out."""

    path: Path
    bytes: int
    pictures: int
    left_out: int


def write_run_report(
    run: RunFolder, path: Path, most_pictures: int, progress: Progress = silent, *, replace: bool
) -> WrittenReport:
    """Write the page of a run, as far as it has come.

    Raises:
        UserError: the run cannot be read, something is at `path`, or it cannot be written.
    """
    info, curves, pictures = run.info(), curves_of(run), Pictures(most_pictures, progress)
    recipe = without_folders(load_recipe(run.recipe_path))
    samples, extremes = round(most_pictures * _OF_SAMPLES), round(most_pictures * _OF_EXTREMES)
    sections = [
        Section("What it is", of_run.what_it_is(info, curves)),
        Section("Curves", of_run.curves_section(curves)),
        Section("Samples", samples_section(run, curves.view.samples, pictures, samples)),
        Section("Recipe", of_run.recipe_section(recipe)),
        *_data_of_run(info, pictures, round(most_pictures * _OF_EXAMPLES), recipe.seed),
        Section("Losses of single images", of_run.extremes_section(run, pictures, extremes)),
        Section("Warnings", of_run.warnings_section(curves.view)),
        Section("Saved", of_run.saved_section(run, curves.view)),
    ]
    said = Html(f"<p>A training of Stable Diffusion on {safe(_trained_on(info, curves))}.</p>")
    return _written(path, f"Run {info.name}", said, sections, pictures, replace=replace)


def write_manifest_report(
    manifest: Path, path: Path, most_pictures: int, progress: Progress = silent, *, replace: bool
) -> WrittenReport:
    """Write the page of a manifest.

    Raises:
        UserError: the manifest cannot be read, something is at `path`, or it cannot be written.
    """
    pictures = Pictures(most_pictures, progress)
    with open_manifest(manifest) as opened:
        sections = data_sections(opened, pictures, most_pictures)
        title = f"Manifest {opened.header.provenance.name}"
    said = Html("<p>Images that were frozen for a training: what was chosen, and how it is shown.</p>")
    return _written(path, title, said, sections, pictures, replace=replace)


def _written(
    path: Path, title: str, said: Html, sections: list[Section], pictures: Pictures, *, replace: bool
) -> WrittenReport:
    write_page_for_person(path, title, STYLE, laid_out(title, said, sections, pictures), replace=replace)
    return WrittenReport(path, path.stat().st_size, pictures.shown, pictures.left_out)


def _trained_on(info: RunInfo, curves: RunCurves) -> str:
    where = f", {curves.view.step:,} steps so far" if curves.view.status == "running" else ""
    return f"the manifest {Path(info.manifest).stem}{where}"


def _data_of_run(info: RunInfo, pictures: Pictures, examples: int, seed: int) -> list[Section]:
    """The manifest's sections; where it is gone or another one, that is said."""
    try:
        with open_manifest(Path(info.manifest)) as manifest:
            if manifest.digest != info.manifest_digest:
                raise UserError("the manifest is another one now", "")
            return data_sections(manifest, pictures, examples, seed)
    except UserError as error:
        return [Section("Data", Html(f'<p class="wrong">{safe(error.what)}</p>'))]
