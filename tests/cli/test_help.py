"""Help: of every command with examples that work, by `--help` and `frieze help`, and as a man page."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from PIL import Image

from curator.cli.command_tree import commands
from curator.cli.command_words import COMMANDS
from curator.cli.shared.command_help import examples
from curator.contract.run.run_folder import RunFolder
from curator.runs import launch, tagging
from tests.caches import write_cache
from tests.cli.conftest import Frieze
from tests.tag_models.colour_tagger import write_tagger

FAKE = Path(__file__).parents[1] / "runs" / "fake_worker.py"
TAGS = ("cat, outdoors", "cat, animal, indoors", "dog, outdoors", "1girl, solo, smile", "1girl, blurry", "")
EVERY = [(name, line) for name, lines in examples().items() for line in lines]
ELSEWHERE = {  # what is shown by tests of their own: these train, make images with a model, or fetch one
    "demo",
    "grid choose",
    "grid judge",
    "grid make",
    "grid show",
    "model bake",
    "model convert",
    "model diff",
    "model explain",
    "model extract",
    "model hash",
    "model info",
    "model join",
    "model merge",
    "model resize",
    "model restore",
    "models fetch",
    "runs judge",
    "runs verify-resume",
    "runs compare",
    "runs losses",
    "runs export",
    "runs rename",
    "runs delete",
    "publish",
    "runs fetch",
    "sample",
    "subset make-reg",
}
LIVING = ("runs stop", "runs pause", "runs resume", "runs save", "runs sample")  # need a run that goes on


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """What the examples speak of: images with tags, a manifest, and data of other tools."""
    from curator.cli.main import dispatch

    home = tmp_path_factory.mktemp("examples") / "home"
    home.mkdir()
    (home / "pictures").mkdir()
    for number, tags in enumerate(TAGS):
        Image.new("RGB", (512, 512), (40 * number, 90, 200)).save(home / f"pictures/{number}.png")
        (home / f"pictures/{number}.txt").write_text(tags, "utf-8")
    posts = ({"id": i, "rating": "g", "score": i, "tag_string_general": "cat"} for i in range(1, 6))
    (home / "posts.jsonl").write_text("".join(json.dumps(post) + "\n" for post in posts), "utf-8")
    (home / "scores.csv").write_text("path,aesthetic\npictures/0.png,0.5\n", "utf-8")
    (home / "aliases.csv").write_text("antecedent_name,consequent_name\nkitty,cat\n", "utf-8")
    (home / "train/10_sls frog").mkdir(parents=True)
    Image.new("RGB", (300, 300), (0, 90, 0)).save(home / "train/10_sls frog/frog.png")
    (home / "commands.txt").write_text(
        "mark keep cat --yes\nfilter save sharp '-blurry width>=512'\n", "utf-8"
    )
    (home / "my.toml").write_text("[adapter]\nrank = 8\n", "utf-8")
    (home / "base").symlink_to(tiny_model)
    write_tagger(home / "tagger")
    here = Path.cwd()
    os.chdir(home)
    try:
        chain = '[values]\nshape = "512"\n[[steps]]\nname = "freeze"\nrun = "freeze f --replace --resolution {shape}"\n'
        (home / "flowers.toml").write_text(chain, "utf-8")
        (home / "train.sh").write_text("accelerate launch train_network.py --network_dim=8\n", "utf-8")
        one_trainer = '{"training_method": "LORA", "model_type": "STABLE_DIFFUSION_15"}'
        (home / "one-trainer.json").write_text(one_trainer, "utf-8")
        for line in (
            "scan pictures --collection .",
            "mark keep dog",
            "undo",
            "mark keep 1girl --yes",
            "filter save good 'mark:keep'",
            "subset add cats cat",
            "subset add rest ''",
            "buckets --resolution 128 --min 64 --max 2048 --set",  # a size a CPU is quick at
            "freeze first",
            "freeze other",
            "manifest export first exported",
            "tag tables > mine.toml",
            "propose ./tagger --wait",
            "import scores.csv --layout scores --yes",
        ):
            words, _, target = line.partition(" > ")
            if target:
                (home / target).write_text('[order]\nfirst = ["cat"]\n', "utf-8")
            else:
                assert dispatch(shlex.split(words)) == 0, line
    finally:
        os.chdir(here)
    write_cache(home, home / "manifests/first.manifest")
    return home


@pytest.fixture
def home(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """It as it was made, for one example, and the stand-in for the trainer."""
    place, saved = prepared, prepared.with_name("saved")
    if not saved.exists():
        shutil.copytree(place, saved, symlinks=True)
    shutil.rmtree(place)
    shutil.copytree(saved, place, symlinks=True)
    monkeypatch.chdir(place)
    monkeypatch.setattr(launch, "WORKER", (str(FAKE),))
    monkeypatch.setenv("FRIEZE_MODELS", str(place / "models"))
    yield place
    for folder in (*(place / "runs").glob("*"), *(place / "proposals").glob("*")):
        run = RunFolder(folder)
        if run.status() == "running" and (pid := run.worker_pid()):
            os.kill(pid, signal.SIGKILL)


def prepare_job(name: str, line: str, frieze: Frieze, monkeypatch: pytest.MonkeyPatch) -> None:
    if "wd-swinv2-v3" in line:
        write_tagger(Path("models/wd-swinv2-v3"))
    if name in ("jobs stop", "jobs resume"):  # one that waits until it is asked to stop
        with monkeypatch.context() as patch:
            patch.setattr(tagging, "WORKER", (str(FAKE.with_name("waiting_job.py")),))
            Image.new("RGB", (64, 64), (1, 2, 3)).save("pictures/new.png")
            assert frieze("scan").code == 0
            assert frieze("propose", "./tagger").code == 0
    if name == "jobs resume":
        assert frieze("jobs", "stop", "tagger").code == 0
        assert frieze("jobs", "follow", "tagger").code == 4


def prepare_run(name: str, line: str, frieze: Frieze) -> None:
    how = "steps=100000 sleep=0.02" if name in LIVING else "steps=2"
    if name.startswith("runs"):
        words = f"first --recipe sd15-lora --model base --set 'metadata.description={how}' --detach"
        assert frieze("train", *shlex.split(words)).code == 0
    if name == "runs resume":
        assert frieze("runs", "pause", "first").code == 0
    if name in ("runs wait", "runs show", "runs follow"):
        assert frieze("runs", "wait", "first").code == 0
    if "--fork" in line:  # a state such as a real run leaves
        words = "first --recipe sd15-lora --model base --set 'metadata.description=steps=2'"
        assert frieze("train", *shlex.split(words)).code == 0
        (run,) = Path("runs").iterdir()
        (run / "state/step-00000010").mkdir()
        (run / "state/step-00000010/state.json").write_text('{"step": 10, "version": 1}')
    if "--resume" in line:  # a run that was stopped
        words = (
            "first --recipe sd15-lora --model base --set 'metadata.description=steps=9 sleep=0.5' --detach"
        )
        assert frieze("train", *shlex.split(words)).code == 0
        assert frieze("runs", "stop", "first", "--wait").code == 0


@pytest.mark.parametrize(("name", "line"), EVERY, ids=[line for _, line in EVERY])
def test_an_example_works(
    home: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch, name: str, line: str
) -> None:
    assert [line for line in examples()[name] if f"frieze {name}" in line], "none shows the command"
    if name in ELSEWHERE:
        return
    prepare_run(name, line, frieze)
    prepare_job(name, line, frieze, monkeypatch)
    if name == "redo":
        assert frieze("undo").code == 0
    if name == "filter list" or "saved:sharp" in line:
        assert frieze("filter", "save", "sharp", "-blurry width>=512").code == 0
    if name == "batch":  # whose lines are of a shell
        shell = f'frieze() {{ {shlex.quote(sys.executable)} -m curator "$@"; }}; {line}'
        done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return
    words = shlex.split(line.removeprefix("frieze ").partition(" > ")[0])
    done = frieze(*words)
    assert done.code == 0, done.err


def test_every_command_has_an_example_and_no_example_is_of_none() -> None:
    assert {name for name, _ in commands()} == set(examples())


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_help_says_usage_defaults_and_examples(frieze: Frieze, name: str) -> None:
    done = frieze(*name.split(), "--help")
    assert done.code == 0
    assert done.lines[0].startswith(f"Usage: frieze {name} [OPTIONS]")
    assert "......" not in done.out
    assert "{" not in done.lines[0]
    assert done.lines[-len(examples()[name]) :] == [f"    {line}" for line in examples()[name]]
    assert frieze("help", *name.split()).out == done.out


def test_help_of_a_noun_lists_its_verbs(frieze: Frieze) -> None:
    done = frieze("help", "tag")
    assert done.code == 0
    assert "rename" in done.out
    assert frieze("tag", "--help").out == done.out


@pytest.mark.parametrize(
    ("words", "hint"), [(["tga"], "did you mean 'tag'"), (["tag", "ad"], "did you mean 'add'")]
)
def test_help_about_nothing_offers_the_nearest(frieze: Frieze, words: list[str], hint: str) -> None:
    done = frieze("help", *words)
    assert (done.code, done.out) == (2, "")
    assert hint in done.err


def test_bare_help_is_the_table_of_commands(frieze: Frieze) -> None:
    told = frieze("help").out
    assert told == frieze("--help").out == frieze("help", "--help").out == frieze("help", "help").out
    assert set(COMMANDS) <= set(re.findall(r"^  (\w+)  ", told, re.M))


def test_the_man_page_tells_of_every_command_and_obeys_nothing_in_it(frieze: Frieze) -> None:
    """Whatever stands in help and examples is told, quotes, dashes and backslashes as they are typed."""
    page = frieze("help", "--man")
    assert page.code == 0
    assert page.out.startswith(".TH FRIEZE 1 ")
    sections = re.findall(r"^\.SS frieze (.+)$", page.out, re.M)
    for (name, _), title in zip(commands(), sections, strict=True):
        assert title.replace("\\-", "-").startswith(name)
    for lines in examples().values():
        for line in lines:
            typed = line.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
            assert f"\n{typed}\n" in page.out


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
def test_man_renders_it_without_a_warning(frieze: Frieze, tmp_path: Path) -> None:
    (tmp_path / "frieze.1").write_text(frieze("help", "--man").out, "utf-8")
    shown = subprocess.run(
        ["man", "--warnings", "-l", "-Tutf8", str(tmp_path / "frieze.1")],
        capture_output=True, text=True, env=os.environ | {"MANWIDTH": "200", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert (shown.returncode, shown.stderr) == (0, "")
    text = re.sub("\x1b\\[[0-9;]*m|.\b", "", shown.stdout)
    assert "frieze tag remove '' blurry --dry-run" in text
    assert "printf 'mark keep cat --yes\\ntag add dog pet --yes\\n' | frieze batch --atomic" in text


UNITS = re.compile(
    r"[Ii]mages?|pixels|steps?|epochs?|seconds|tokens|tags?|words?|bits|0 to 1|0\.05 to 1|[Ss]eed|posts|layers"
    r"|[Bb]eams|changes|models|[Dd]evices|GPU|[Bb]atches|[Pp]rocesses|Times|Weight|prompt|mass|first N|So many share"
    r"|[Rr]anks?\b|singular values|Alpha|convolutions|matrix|strength|page|days|GiB|N times"
)


def numbers() -> Iterator[tuple[str, Any]]:
    """The options of all commands that take a number."""
    for name, command in commands():
        for each in command.params:
            if each.param_type_name == "option" and {int, float} & {*kinds(each.type_descriptor.annotation)}:
                yield name, each


def kinds(annotation: Any) -> Iterator[Any]:
    """The types in a union or a list."""
    yield annotation
    for inner in get_args(annotation):
        yield from kinds(inner)


def test_every_number_names_its_unit_and_what_holds_where_none_is_given() -> None:
    found = list(numbers())
    assert len(found) > 60
    assert [f"{name} {each.opts[0]}" for name, each in found if not UNITS.search(each.help)] == []
    told = [each.default is not None or each.required or "default" in each.help for _, each in found]
    assert [
        f"{name} {each.opts[0]}" for (name, each), is_told in zip(found, told, strict=True) if not is_told
    ] == []


@pytest.mark.parametrize("name", sorted(name for name, _ in commands()))
def test_help_shows_every_default(name: str, frieze: Frieze) -> None:
    command = dict(commands())[name]
    shown = " ".join(frieze(*name.split(), "--help").out.split())
    given = [each for each in command.params if each.default not in {None, False, ""} and not each.required]
    for each in given:
        value = each.default if each.param_type_name == "option" else None
        if value is not None and not isinstance(value, list | tuple | bool):
            assert f"[default: {value}" in shown, each.opts
