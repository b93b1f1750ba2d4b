"""Every `frieze` command in docs is run, page by page, on a small collection."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.tag_models.onnx_models import write_labels, write_model
from tests.train.small_models import write_small_models, write_tiny_lora

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))  # README has a test of its own
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
TAGS = (
    "cat, outdoors",
    "cat, animal, indoors",
    "dog, outdoors",
    "1girl, solo, smile",
    "1girl, long hair, blurry",
    "",
)


def commands(page: Path) -> list[str]:
    text = "\n".join(BLOCK.findall(page.read_text("utf-8"))).replace("\\\n", " ")
    lines = (line.partition("  #")[0].strip() for line in text.splitlines())
    return [line for line in lines if line.startswith("frieze ") and " | " not in line and ";" not in line]


@pytest.fixture
def home(tmp_path: Path, tiny_model: Path) -> Path:
    """What the pages speak of: images with tags, a base model, a recipe."""
    (tmp_path / "pictures").mkdir()
    for i, tags in enumerate(TAGS):
        Image.new("RGB", (512 + 64 * (i % 3), 512), (40 * i, 90, 200 - 30 * i)).save(
            tmp_path / f"pictures/{i}.png"
        )
        (tmp_path / f"pictures/{i}.txt").write_text(tags, "utf-8")
    (tmp_path / "base").symlink_to(tiny_model)
    _data_of_other_tools(tmp_path)
    write_small_models(tmp_path)
    write_model(tmp_path / "tagger" / "model.onnx", [[0, 0.02], [0, 0], [0.02, 0]], [-2.0, -2.0])
    write_labels(tmp_path / "tagger" / "selected_tags.csv", ("red", 0), ("blue", 0))
    recipe = ROOT / "docs" / "recipes.md"
    example = re.findall(r"^```toml\n(.*?)^```$", recipe.read_text("utf-8"), re.DOTALL | re.MULTILINE)[0]
    (tmp_path / "my.toml").write_text(example, "utf-8")
    grids = ROOT / "docs" / "grids.md"
    grid = re.findall(r"^```toml\n(.*?)^```$", grids.read_text("utf-8"), re.DOTALL | re.MULTILINE)[0]
    (tmp_path / "grid.toml").write_text(grid, "utf-8")
    chains = ROOT / "docs" / "chains.md"
    chain = re.findall(r"^```toml\n(.*?)^```$", chains.read_text("utf-8"), re.DOTALL | re.MULTILINE)[0]
    (tmp_path / "flowers.toml").write_text(chain, "utf-8")
    write_tiny_lora(tmp_path / "first.safetensors")
    return tmp_path


def _data_of_other_tools(home: Path) -> None:
    """A dump that names the images by number, kohya's folders, and small lists."""
    posts = (
        {"id": i, "rating": "gsqe"[i % 4], "score": i, "fav_count": 10 * i, "created_at": f"{2010 + 2 * i}-01-01",
         "tag_string_general": "cat long_hair", "tag_string_artist": f"artist_{i % 2}"}
        for i in range(1, 6)
    )  # fmt: skip
    (home / "posts.jsonl").write_text("".join(json.dumps(post) + "\n" for post in posts), "utf-8")
    (home / "train/10_sls frog").mkdir(parents=True)
    Image.new("RGB", (300, 300), (0, 90, 0)).save(home / "train/10_sls frog/frog.png")
    (home / "aliases.csv").write_text("antecedent_name,consequent_name\nkitty,cat\n", "utf-8")
    (home / "artists.txt").write_text("artist 1  # by hand\n", "utf-8")
    scores = "".join(f"pictures/{i}.png,{i / 10}\n" for i in range(5))
    (home / "scores.csv").write_text(f"path,aesthetic\n{scores}", "utf-8")
    (home / "prompts.txt").write_text("a cat --w 64 --h 64 --s 2 --d 1\n", "utf-8")
    (home / "sizes.txt").write_text("1000x1500\n640x480\n", "utf-8")
    (home / "train.sh").write_text("accelerate launch train_network.py --network_dim=8\n", "utf-8")
    one_trainer = '{"training_method": "LORA", "model_type": "STABLE_DIFFUSION_15"}'
    (home / "one-trainer.json").write_text(one_trainer, "utf-8")
    (home / "mine.toml").write_text('[order]\nfirst = ["cat"]\n', "utf-8")


def run(line: str, home: Path) -> subprocess.CompletedProcess[str]:
    words = shlex.split(line)
    command = [sys.executable, "-m", "curator", *words[1:]]
    environment = {**os.environ, "COLUMNS": "100"}
    return subprocess.run(
        command,
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.stem)
def test_the_commands_of_a_page_work_in_order(page: Path, home: Path) -> None:
    lines = commands(page)
    begin = (
        []
        if page.stem != "scripting" and any(line.startswith("frieze scan") for line in lines)
        else ["frieze scan pictures --collection ."]
    )
    if page.stem in ("caches", "preflight", "resume", "runs", "several-machines"):
        begin += [
            "frieze buckets --resolution 128 --min 64 --max 256 --set"
        ]  # trained at a size a CPU is quick at
    if page.stem == "events":
        begin += ["frieze freeze first"]
    for line in begin + lines:
        if line in APP_COMMANDS:
            continue
        done = run(line, home)
        assert done.returncode == 0, f"{page.name}: {line}\n{done.stdout}\n{done.stderr}"


# These open the app, or take minutes: the journeys and `make demo` show them.
APP_COMMANDS = {"frieze", "frieze .", "frieze demo", "frieze pictures"}


def test_pages_speak_of_commands() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 20


def test_the_pipelines_of_the_page_for_scripts_work(home: Path) -> None:
    text = "\n".join(BLOCK.findall((ROOT / "docs" / "scripting.md").read_text("utf-8")))
    lines = [
        line for line in text.splitlines() if (" | " in line and "batch" not in line) or "; frieze" in line
    ]
    assert len(lines) >= 4
    assert run("frieze scan pictures --collection .", home).returncode == 0
    for line in lines:
        script = f'set -eo pipefail; frieze() {{ "{sys.executable}" -m curator "$@"; }}; {line}'
        done = subprocess.run(["bash", "-c", script], cwd=home, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), line
    for tag, count in (("todo", 1), ("mark:keep", 3), ("seen", 1)):
        assert run(f"frieze ls {tag} --count", home).stdout == f"{count}\n", tag


def test_the_recipes_for_scripts_work(home: Path) -> None:
    section = (ROOT / "docs" / "scripting.md").read_text("utf-8").partition("\n## Recipes\n")[2]
    recipes = re.findall(r"^```bash\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert len(recipes) >= 10
    assert section.count("\n**") == len(recipes)  # each says what it is for
    assert run("frieze scan pictures --collection .", home).returncode == 0
    for recipe in recipes:
        script = f'set -eo pipefail; frieze() {{ "{sys.executable}" -m curator "$@"; }}; {recipe}'
        done = subprocess.run(
            ["bash", "-c", script], cwd=home, capture_output=True,
            text=True, timeout=600, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, f"{recipe}\n{done.stdout}\n{done.stderr}"
    assert sorted(each.name for each in (home / "cats").iterdir()) == ["0.png", "1.png"]
    assert len((home / "images.tsv").read_text("utf-8").splitlines()) == len(TAGS)
    assert (home / "missing.txt").read_text("utf-8") == "fox\n"
    assert json.loads((home / "frozen.json").read_text("utf-8"))["is_new"]
    assert json.loads((home / "check.json").read_text("utf-8"))["images"] == 3  # of the subset chosen
    assert run("frieze ls todo --strict", home).returncode == 2  # all is taken back
