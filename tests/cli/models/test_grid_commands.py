"""`frieze grid`: made and gone on with, shown, judged blind and chosen from, as a user does."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from curator.contract.grid.job import image_file, made_image, record_file
from curator.runs.grids.grid_file import read_grid_file
from curator.runs.programs import grids
from tests.cli.conftest import Frieze
from tests.train.small_models import write_tiny_lora

SPEC = """\
title = "<b>ratio</b> & \\u001b[31mred"
model = "base"
adapter = "a.safetensors"
ratio = [0.5, 1.0]
prompt = ["a <i>cat</i> \\u001b[1m", "a dog --n <script>"]
seed = 5
steps = 1
width = 64
height = 64
"""


@pytest.fixture
def home(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base").symlink_to(tiny_model)
    write_tiny_lora(tmp_path / "a.safetensors")
    (tmp_path / "grid.toml").write_text(SPEC)
    return tmp_path


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The trainer's program in this process; how many images it was asked for, each time."""
    from contextlib import redirect_stdout
    from io import StringIO

    from curator.contract.grid.job import read_grid_job
    from train.programs.render_grid import render_grid

    asked: list[int] = []

    def run(program, told, given="", **_):
        job = read_grid_job(given)
        asked.append(len(job.images))
        with redirect_stdout(StringIO()) as said:
            render_grid(job)
        for line in said.getvalue().splitlines():
            told(json.loads(line))

    monkeypatch.setattr(grids, "run_program", run)
    return asked


def test_a_grid_is_made_in_its_folder_and_nothing_in_it_is_obeyed(
    home: Path, frieze: Frieze, in_process: list[int]
) -> None:
    """S089: columns and rows as the spec says, the same noise in every cell, sidecars, labels, a page of its own."""
    planned = frieze("grid", "grid.toml", "--out", "out", "--plan")
    assert (planned.code, (home / "out").exists()) == (0, False)
    assert "4 cells, 4 images, 0 there" in planned.out
    assert "4 steps; how long it takes is known once an image is made" in planned.out
    done = frieze("grid", "grid.toml", "--out", "out", "--json")
    assert done.code == 0, done.err
    report = done.json
    assert [each["cell"] for each in report["cells"]] == ["A1", "B1", "A2", "B2"]
    assert report["cells"][3]["axes"] == {"ratio": "ratio 1", "prompt": "a dog --n <script>"}
    assert report["cells"][3]["negative_prompt"] == "<script>"
    assert [each["adapters"][0]["ratio"] for each in report["cells"]] == [0.5, 1.0, 0.5, 1.0]
    made = [made_image(home / "out", Path(each["path"]).stem) for each in report["cells"]]
    assert len({each.noise for each in made}) == 1
    (sheet,) = report["sheets"]
    with Image.open(sheet) as picture:
        assert picture.width > 2 * 64
        assert picture.height > 2 * 64
    page = (home / "out" / "grid.html").read_text()
    assert page.count("data:image/webp;base64,") == 4
    assert not re.search(r"<script|<i>|<b>|\x1b|https?://|src=\"(?!data:)", page)
    assert "a &lt;i&gt;cat&lt;/i&gt; \\x1b[1m" in page
    with Image.open(report["cells"][0]["path"]) as picture:
        assert 'Adapters: "a: 0.5"' in picture.text["parameters"]  # type: ignore[attr-defined]
    shown = frieze("grid", "show", "out")
    assert shown.lines[0].split("\t") == ["cell", "ratio", "prompt", "fault"]
    assert "\x1b" not in shown.out
    assert frieze("grid", "grid.toml", "--out", "out", "-n").out.splitlines()[0].endswith("4 there")
    assert in_process == [4]


def test_what_is_there_is_kept_and_what_changed_is_made_anew(
    home: Path, frieze: Frieze, in_process: list[int]
) -> None:
    """A half-made image is made again, others never; other settings or another file are told."""
    (home / "grid.toml").write_text(SPEC.replace(', "a dog --n <script>"', ""))
    assert frieze("grid", "grid.toml", "--out", "out").code == 0
    first, second = (cell.image.name for cell in read_grid_file(home / "out").cells)
    record_file(home / "out", first).unlink()  # killed between the image and what is told of it
    before = image_file(home / "out", second).stat().st_mtime_ns
    assert frieze("grid", "grid.toml", "--out", "out").code == 0
    assert in_process == [2, 1]
    assert image_file(home / "out", second).stat().st_mtime_ns == before
    (home / "grid.toml").write_text(
        SPEC.replace(', "a dog --n <script>"', "").replace("steps = 1", "steps = 2")
    )
    told = frieze("grid", "grid.toml", "--out", "out", "--dry-run", "--json")
    assert (told.json["to_make"], told.json["made_anew"]) == (2, {"steps": 2})
    assert "made anew, since other settings are asked for now (steps): 2 cells" in told.err
    assert told.json["seconds_left"] > 0
    (home / "grid.toml").write_text(SPEC.replace(', "a dog --n <script>"', ""))
    write_tiny_lora(home / "a.safetensors", seed=2)
    told = frieze("grid", "grid.toml", "--out", "out", "--dry-run", "--json")
    assert told.json["made_anew"] == {"the file of the model or of an adapter": 2}


def test_what_failed_or_collapsed_is_marked_everywhere(
    home: Path, frieze: Frieze, in_process: list[int]
) -> None:
    write_tiny_lora(home / "nan.safetensors", value=float("nan"))
    (home / "odd.safetensors").write_bytes(b"nothing")
    (home / "grid.toml").write_text(
        'model = "base"\nprompt = "a --w 64 --h 64 --s 1"\nadapter = ["", "nan.safetensors", "odd.safetensors"]'
    )
    done = frieze("grid", "grid.toml", "--out", "out")
    assert done.code == 1
    assert "B1 collapsed: NaN" in done.err
    assert "C1 failed: " in done.err
    assert "odd.safetensors is no readable safetensors file" in done.err
    cells = frieze("grid", "show", "out", "--json").json["cells"]
    assert [(each["collapsed"], bool(each["fault"])) for each in cells] == [
        ("", False),
        ("NaN", False),
        ("", True),
    ]
    assert cells[2]["path"] is None
    page = (home / "out" / "grid.html").read_text()
    assert "collapsed: NaN" in page
    with Image.open(home / "out" / "sheet-1.png") as sheet:
        assert (0xB0, 0x00, 0x20) in sheet.getdata()


def test_a_cell_is_chosen_and_baked_at_its_ratio(home: Path, frieze: Frieze, in_process: list[int]) -> None:
    """S088: the line that is printed is a command that runs, for files with odd names as well."""
    (home / "a.safetensors").rename(home / "it's a.safetensors")
    (home / "grid.toml").write_text(SPEC.replace("a.safetensors", "it's a.safetensors"))
    assert frieze("grid", "grid.toml", "--out", "out").code == 0
    line = frieze("grid", "choose", "out", "b2").out.strip()
    words = shlex.split(line)
    assert words[:3] == ["frieze", "model", "bake"]
    assert words[4].endswith("it's a.safetensors@1")
    baked = frieze(*words[1:], "--dry-run")
    assert baked.code == 0, baked.err
    assert frieze("grid", "choose", "out", "Z9").code == 2
    done = frieze("grid", "choose", "out", "b2", "--out", "one.safetensors", "--json")
    assert done.code == 0, done.err
    assert done.json["baked"] == str(home / "one.safetensors")
    assert frieze(*words[1:-1], "two.safetensors").code == 0
    one, two = (load_file(home / f"{name}.safetensors") for name in ("one", "two"))
    assert all(torch.equal(one[name], two[name]) for name in two)
    again = frieze("grid", "choose", "out", "b2", "--out", "one.safetensors")
    assert (again.code, "is there already" in again.err) == (2, True)
    assert frieze("grid", "choose", "out", "b2", "--replace").code == 2


def test_choices_come_from_lines_and_a_table_says_what_won(
    home: Path, frieze: Frieze, in_process: list[int]
) -> None:
    assert frieze("grid", "grid.toml", "--out", "out").code == 0
    (home / "choices.txt").write_text("tie\nundo\nleft\n\nright\n")
    done = frieze("grid", "judge", "out", "--choices", "choices.txt", "--json")
    assert done.code == 0, done.err
    report = done.json
    assert (report["by"], report["pairs"], report["judged"], report["next"]) == (["ratio"], 2, 2, None)
    assert sum(each["wins"] for each in report["standings"]) == 2
    assert frieze("grid", "judge", "out").lines[0].startswith("candidate\tcompared")
    (home / "choices.txt").write_text("up\n")
    odd = frieze("grid", "judge", "out", "--choices", "choices.txt")
    assert (odd.code, "line 1 is 'up'" in odd.err) == (2, True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("a.safetensors", "gone.safetensors"), "there is no adapter at"),
        (("a.safetensors", "a.safetensors@x"), "'x' is no ratio"),
        (('"base"', '"nowhere"'), "there is no model at"),
        (("seed = 5", "seed = [5, 6]"), ""),
        (("a dog --n <script>", "a dog --ss eulr"), "--ss is 'eulr'"),
        (
            ("a.safetensors", "a.safetensors@0.5"),
            "ratio would have no effect: its values give the same images",
        ),
    ],
)
def test_mistakes_are_sentences(home: Path, frieze: Frieze, change: tuple[str, str], said: str) -> None:
    (home / "grid.toml").write_text(SPEC.replace(*change))
    done = frieze("grid", "grid.toml", "--out", "out", "--dry-run")
    assert done.code == (2 if said else 0), done.err
    assert said in done.err
    assert not (home / "out").exists()


def test_an_option_of_a_prompt_that_is_an_axis_is_refused(home: Path, frieze: Frieze) -> None:
    (home / "grid.toml").write_text(
        SPEC.replace("seed = 5", "seed = [5, 6]").replace("--n <script>", "--d 3")
    )
    done = frieze("grid", "grid.toml", "--out", "out", "-n")
    assert "prompt 2 says its own seed" in done.err


def test_a_folder_of_other_files_is_left_alone(home: Path, frieze: Frieze) -> None:
    (home / "mine").mkdir()
    (home / "mine" / "notes.txt").write_text("x")
    done = frieze("grid", "grid.toml", "--out", "mine")
    assert (done.code, "holds other files" in done.err) == (2, True)
    assert [each.name for each in (home / "mine").iterdir()] == ["notes.txt"]
    assert frieze("grid", "show", "mine").code == 2


def test_steps_of_runs_are_axes(home: Path) -> None:
    """S089: the steps of two runs beside each other; "all" are those both have."""
    from curator.contract.errors import UserError
    from curator.contract.grid.spec import read_grid
    from curator.contract.recipe.recipe import Model, Recipe
    from curator.contract.recipe.toml_file import dump_recipe
    from curator.contract.run.events import CheckpointSaved, to_line
    from curator.contract.run.run_folder import RunFolder
    from curator.runs.grids.plan import plan_grid

    runs: dict[str, RunFolder] = {}
    for name, steps in (("loha", (1, 2, 3)), ("locon", (2, 3))):
        toml = dump_recipe(Recipe(model=Model(path=str(home / "base"), clip_skip=2)))
        run = runs[name] = RunFolder.create(home / "runs", name, toml, home / "x.manifest", "")
        for step in steps:
            write_tiny_lora(run.output_dir / f"{name}-{step}.safetensors", seed=step + len(name))
        lines = [
            to_line(CheckpointSaved(1.0, step, f"output/{name}-{step}.safetensors", "")) for step in steps
        ]
        run.events_path.write_text("".join(f"{line}\n" for line in lines))
    text = 'run = ["loha", "locon"]\nstep = "all"\nratio = 0.7\nprompt = "a"'
    plan = plan_grid(read_grid(text, "g.toml", home), runs.__getitem__)
    assert [axis.labels for axis in plan.grid.axes] == [("loha", "locon"), ("step 2", "step 3")]
    assert [Path(cell.image.adapters[0][0]).name for cell in plan.grid.cells] == [
        "loha-2.safetensors", "locon-2.safetensors", "loha-3.safetensors", "locon-3.safetensors",
    ]  # fmt: skip
    assert {(cell.image.adapters[0][1], cell.image.clip_skip) for cell in plan.grid.cells} == {(0.7, 2)}
    assert len(plan.models) == 1
    with pytest.raises(UserError, match="locon has no weights of step 1"):
        plan_grid(read_grid(text.replace('"all"', "[1, 2]"), "g.toml", home), runs.__getitem__)
