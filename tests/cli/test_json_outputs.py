"""JSON of every command: run for real, and held strictly against its schema; docs/json.md is made of the schemas."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

import pytest
import typing_extensions
from PIL import Image
from pydantic import ConfigDict, TypeAdapter

from curator.cli.command_tree import commands
from curator.cli.json_reference import VOCABULARY, all_shapes, page, types_of_words
from curator.cli.main import dispatch
from curator.cli.schemas.outputs import OUTPUTS, WITHOUT_JSON, Output
from curator.cli.schemas.shapes import keys_of, schema_name
from curator.cli.shared.boundary import exit_code_of
from curator.contract.base_model.fingerprint import fingerprint_of_files, model_files
from curator.contract.run.events import CheckpointSaved, SampleMade, to_line
from curator.contract.run.image_losses import RECORD, losses_file
from curator.contract.run.judging import FixedLoss, Measurement
from curator.contract.run.run_folder import RunFolder
from curator.publish import publication
from curator.runs import launch, tagging
from curator.runs.judging.judgement import JudgedWeights, Judgement, write_judgement
from curator.runs.programs import replay
from curator.runs.queue import keeper
from tests.caches import write_cache
from tests.publish.trained import repository_with_state
from tests.tag_models.colour_tagger import write_tagger
from tests.train.small_models import write_small_models, write_tiny_lora
from tests.writable_hub import hub_of_this_process

ROOT = Path(__file__).parents[2]
FAKE = ROOT / "tests" / "runs" / "fake_worker.py"
WAITING = FAKE.with_name("waiting_job.py")
TAGGER = tagging.WORKER
LIMIT_S = 300

# What is typed, in order, and the code it ends with; all of it with --json. A test tells of a form that is missing.
LINES: list[tuple[str, int]] = [
    ("scan pictures --collection .", 0),
    ("quarantine", 0),
    ("import meta.json --layout kohya-json --images . --dry-run", 0),
    ("import kohya --layout kohya-folders --dry-run", 0),
    ("import scores.csv --layout scores --images . --dry-run", 0),
    ("import meta.json --layout kohya-json --images . --replace", 0),
    ("ls fox", 0),
    (f"ls --columns {','.join(('id', 'path', 'root', 'name', 'sha256', 'bytes', 'width', 'height', 'size'))}", 0),
    ("ls --columns format,mark,caption,tags", 0),
    ("ls --ids", 0),
    ("ls --count", 0),
    ("tag add fox den --yes", 0),
    ("tag add nobodyhas den --yes", 0),
    ("tag remove fox den --dry-run", 0),
    ("tag remove fox den --yes", 0),
    ("tag rename '' outdoors outside --yes", 0),
    ("tag order '' --yes", 0),
    ("tag order fox outside --yes", 0),
    ("tag caption fox 'a fox' --yes", 0),
    ("tag add fox Zebra --at start --yes", 0),
    ("tag again --dry-run", 0),
    ("tag clean '' --dry-run", 0),
    ("tag clean '' --yes", 0),
    ("tag relate '' --dry-run", 0),
    ("tag derive '' head --head night --dry-run", 0),
    ("tag derive '' count year --yes", 0),
    ("tag class creature fox", 0),
    ("tag alias vixen fox", 0),
    ("tag tables", 0),
    ("tag check-identifier fox --suggest 2", 1),
    ("tag write fox", 0),
    ("tag write owl", 1),
    ("tag list", 0),
    ("tag list --bands 1,4", 0),
    ("tag find fo", 0),
    ("filter save foxes fox", 0),
    ("filter list", 0),
    ("filter remove foxes", 0),
    ("mark keep fox --yes", 0),
    ("undo", 0),
    ("redo", 0),
    ("redo", 1),
    ("history", 0),
    ("pick --top 2", 0),
    ("pick --top 2 --subset drawn --mark keep", 0),
    ("subset remove drawn", 0),
    ("dupes", 0),
    ("dupes --mark --yes", 0),
    ("facets", 0),
    ("import scores.csv --layout scores --images .", 0),
    ("facets --by 'score(nice)'", 0),
    ("stats", 0),
    ("verify", 0),
    ("doctor --quick", 0),
    ("subset add foxes fox --repeats 3", 0),
    ("subset add rest -fox", 0),
    ("subset set rest --loss-weight 0.5", 0),
    ("subset put rest -fox --repeats 2", 0),
    ("subset order rest foxes", 0),
    ("subset order foxes rest", 0),
    ("subset list", 0),
    ("subset overfit", 0),
    ("subset balance --dry-run", 0),
    ("subset balance", 0),
    ("buckets --resolution 256 --min 64 --set", 0),
    ("buckets --size 600x400", 0),
    ("captions --text 'a (red:1.3) hat]' --rule shuffle=true", 0),
    ("captions fox --weighted", 0),
    ("captions fox", 0),
    ("freeze set --dry-run", 0),
    ("freeze set", 0),
    ("freeze set --if-changed", 0),
    ("explain wolf.png", 0),
    ("manifest list", 0),
    ("manifest show set", 0),
    ("manifest verify set", 0),
    ("manifest captions set 0", 0),
    ("cache list", 0),
    ("cache verify", 0),
    ("cache prune --unused", 0),
    ("cache prune --most-gib 0 --dry-run", 0),
    ("cache export set", 0),
    ("manifest export set out", 0),
    ("manifest export set flat --format kohya-toml --dry-run", 0),
    ("manifest import out again", 0),
    ("tag add fox redder --yes", 0),
    ("freeze other", 0),
    ("manifest diff set other", 1),
    ("export sqlite out.db", 0),
    ("chain steps.toml", 0),
    ("chain steps.toml --plan", 0),
    ("recipe list", 0),
    ("recipe show sd15-lora", 0),
    ("recipe show sd15-lora --against tiny-demo", 0),
    ("recipe lr sd15-lora --set schedule.warmup_steps=2 --steps 4", 0),
    ("recipe check sd15-lora --set length.steps=9", 0),
    ("recipe import train.sh", 0),
    ("recipe fields", 0),
    ("adapter plan sd15-lora --family sd1", 0),
    ("sample --prompts prompts.txt --plan", 0),
    ("sample --model base --prompts prompts.txt --out rendered", 0),
    ("model blocks sd1", 0),
    ("model merge a.safetensors b.safetensors --out ab.safetensors", 0),
    ("model bake a.safetensors adapter.safetensors@0.5 --out baked.safetensors --verify", 0),
    ("model join adapter.safetensors other.safetensors@0.5 --base a.safetensors --out joined.safetensors", 0),
    ("model convert a.safetensors --dtype bf16 --out small.safetensors", 0),
    ("model restore a.safetensors --from b.safetensors --out restored.safetensors", 0),
    ("model extract a.safetensors b.safetensors --out extracted.safetensors", 0),
    ("model resize extracted.safetensors --rank 2 --out resized.safetensors", 0),
    ("model info a.safetensors", 0),
    ("model hash a.safetensors", 0),
    ("model info base", 0),
    ("model hash base", 0),
    ("model diff a.safetensors b.safetensors", 1),
    ("grid make grid.toml --out grid --dry-run", 0),
    ("grid make grid.toml --out grid", 0),
    ("grid show grid", 0),
    ("grid judge grid", 0),
    ("grid choose grid B1", 0),
    ("model explain a.safetensors", 0),
    ("publish a.safetensors --repo someone/a", 0),
    ("publish a.safetensors --repo someone/a --dry-run", 0),
    ("models list", 0),
    ("models show wd-swinv2-v3", 0),
    ("models fetch ./tagger", 0),
    ("train set --recipe tiny-demo --model base --dry-run", 0),
    ("train set --recipe tiny-demo --model base --check", 0),
    ("train set --recipe tiny-demo --model model --name done --set metadata.description=steps=2", 0),
    ("train set --recipe tiny-demo --model model --name living --detach "
     "--set 'metadata.description=steps=100000 sleep=0.02'", 0),
    ("train set --recipe tiny-demo --model model --name far --nodes 2 --rendezvous box1:29400", 0),
    ("runs list", 0),
    ("runs show done", 0),
    ("runs wait done", 0),
    ("runs follow done", 0),
    ("runs judge done", 0),
    ("runs save living", 0),
    ("runs sample living", 0),
    ("runs pause living", 0),
    ("runs resume living", 0),
    ("runs stop living", 0),
    ("runs fetch someone/state", 0),
    ("runs wait living", 4),
    ("runs verify-resume done", 1),
    ("train --fork done@1 --name forked", 0),
    ("runs show forked", 0),
    ("train set --recipe tiny-demo --model model --name waits --queue --device cpu", 0),
    ("runs queue", 0),
    ("runs queue waits --hold", 0),
    ("runs compare done living", 0),
    ("runs losses done", 0),
    ("report done --out done.html", 0),
    ("report set --pictures 0", 0),
    ("runs export done --out done.safetensors", 0),
    ("runs rename forked renamed", 0),
    ("runs delete renamed --yes", 0),
    ("subset make-reg made --model base --prompt fox --count 1 --steps 1 --size 64", 0),
    ("propose tagger --wait", 0),
    ("propose tagger", 0),
    ("proposals --model tagger", 0),
    ("proposals --model tagger --general 0.4 --counts", 0),
    ("tag accept --model tagger --general 0.4 --yes", 0),
    ("propose waiting", 0),
    ("jobs stop waiting", 0),
    ("jobs follow waiting", 4),
    ("jobs resume waiting", 0),
    ("jobs list", 0),
    ("manifest verify gone", 1),
]  # fmt: skip
# Shapes whose items are written by a training alone: what it writes is checked in tests/runs.
NOT_MET = {
    "DueRule",  # of images that came after a rule: tests/cli/tagging/test_tags_again.py
    "OverfitRow",  # of a subset of 8 images and more: tests/cli/training/subsets/test_overfit.py
    "RunProposal",  # of a run that does not fit
    "OriginSubset",
    "PublishedFile",
    "RunUpload",
    "Checkpoint",
    "Evaluation",
    "LeftOutImage",
    "RunWarning",
    "SampleImage",
    "Validation",
}


class Printed(dict[str, tuple[int, str, str]]):
    """By line: the code, stdout and stderr."""

    def of(self, name: str) -> list[tuple[str, str]]:
        """The lines of a command, and what each printed."""
        return [(line, done[1]) for line, done in self.items() if f"{line} ".startswith(f"{name} ")]


def words_of(line: str) -> list[str]:
    return [first or second for first, second in re.findall(r"'([^']*)'|(\S+)", line)]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Printed]:
    home = tmp_path_factory.mktemp("home")
    _lay_out(home, tiny_model)
    done = Printed()
    with pytest.MonkeyPatch.context() as patch, hub_of_this_process(patch) as hub:
        patch.chdir(home)
        patch.setattr(publication, "begin", lambda *_: 1)
        hub.repositories["someone/state"] = repository_with_state()
        patch.setattr(launch, "WORKER", (str(FAKE),))
        patch.setattr(keeper, "PROGRAM", ("-c", ""))
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        patch.setattr(replay, "PROGRAM", (str(FAKE.with_name("replayed.py")),))
        for line, _ in LINES:
            _before(line, home)
            patch.setattr(tagging, "WORKER", (str(WAITING),) if line == "propose waiting" else TAGGER)
            done[line] = _run([*words_of(line), "--json"])
        yield done
        _run(["runs", "stop", "living"])
        _run(["jobs", "follow", "waiting"])


def _lay_out(home: Path, tiny_model: Path) -> None:
    """Images with a copy, one that does not decode, data of another tool, and two base models."""
    (home / "pictures").mkdir()
    for name, size in {"fox": (600, 400), "wolf": (400, 600), "owl": (512, 512)}.items():
        Image.new("RGB", size, (len(name) * 40, size[0] % 255, 0)).save(home / f"pictures/{name}.png")
        (home / f"pictures/{name}.txt").write_text(f"{name}, animal, outdoors, rating:safe")
    shutil.copy(home / "pictures/owl.png", home / "pictures/copy.png")
    (home / "pictures/broken.png").write_bytes(b"no picture")
    (home / "kohya/3_sls fox").mkdir(parents=True)
    shutil.copy(home / "pictures/fox.png", home / "kohya/3_sls fox/fox.png")
    (home / "kohya/stray.txt").write_text("x")
    (home / "kohya/odd").mkdir()
    shutil.copy(home / "pictures/fox.png", home / "kohya/odd/fox.png")
    (home / "meta.json").write_text(
        '{"pictures/wolf.png": {"tags": "wolf, grey"}, "none.png": {"tags": "x"}}'
    )
    (home / "train.sh").write_text(
        "accelerate launch train_network.py --network_dim=8 --shiny --resolution 512\n"
    )
    (home / "steps.toml").write_text('[[steps]]\nname = "look"\nrun = "stats"\n')
    (home / "prompts.txt").write_text(
        "a fox --w 64 --h 64 --s 1 --n b --d 2 --l 3 --ss ddim\nan owl --w 64 --h 64 --s 1\n"
    )
    (home / "scores.csv").write_text("path,nice,odd\npictures/wolf.png,0.5,high\n")
    shutil.copytree(ROOT / "train" / "families" / "sd1_config", home / "model")
    (home / "base").symlink_to(tiny_model)
    write_small_models(home)
    write_tiny_lora(home / "tiny-lora.safetensors")
    (home / "grid.toml").write_text(
        'model = "base"\nprompt = "a fox --w 64 --h 64 --s 1"\nadapter = ["", "tiny-lora.safetensors@0.5"]'
    )
    for name in ("tagger", "waiting"):
        write_tagger(home / name)


def _before(line: str, home: Path) -> None:
    if line == "cache list":
        write_cache(home, home / "manifests/set.manifest")
    if line == "tag write owl":
        (home / "pictures/owl.txt").write_text("someone else")
    if line == "runs judge done":
        _judged(next((home / "runs").glob("*-done")), home)
    if line.startswith("train --fork"):
        state = next((home / "runs").glob("*-done")) / "state/step-00000001"
        state.mkdir()
        (state / "state.json").write_text('{"step": 1, "version": 1}')
    if line == "runs resume living":
        _wait_until(lambda: _status("living") == "paused")
    if line == "runs save living":
        _wait_until(lambda: _status("living") == "running")
    if line == "runs losses done":
        _wrote_losses(next((home / "runs").glob("*-done")))
    if line == "propose tagger --wait":
        (home / "pictures/fox.png").write_bytes(b"not an image any more")
    if line == "manifest verify gone":
        shutil.copy(home / "manifests/set.manifest", home / "manifests/gone.manifest")
        (home / "pictures/wolf.png").unlink()


def _wrote_losses(folder: Path) -> None:
    """Records such as a real run leaves."""
    (folder / "losses").mkdir()
    data = b"".join(RECORD.pack(step, row, 0.1 * (row + 1), 500, 0) for step in (1, 2) for row in range(2))
    losses_file(folder / "losses", 0).write_bytes(data)


def _judged(folder: Path, home: Path) -> None:
    """A run with weights that were measured before, and a sample: nothing has to be loaded."""
    run = RunFolder(folder)
    weights = run.output_dir / "done.safetensors"
    shutil.copy(home / "tiny-lora.safetensors", weights)
    shutil.copy(home / "pictures/wolf.png", run.samples_dir / "one.png")
    with run.events_path.open("a") as events:
        events.write(to_line(CheckpointSaved(1.0, 2, f"output/{weights.name}", "")) + "\n")
        events.write(to_line(SampleMade(1.0, 2, "samples/one.png", "a wolf", 1)) + "\n")
    loss = FixedLoss(0.5, 3, (0.1, 0.2, 0.7, None), {"all": (0.1, 0.2, 0.7, None)})
    judged = JudgedWeights(
        2, f"output/{weights.name}", fingerprint_of_files([model_files(weights)]), Measurement(loss, loss)
    )
    write_judgement(run, Judgement(run.info().manifest_digest, 64, 200, (judged,)))


def _status(run: str) -> str:
    return json.loads(_run(["runs", "show", run, "--json"])[1])["status"]


def _wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.05)


def _run(words: Sequence[str]) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = exit_code_of(lambda: dispatch(list(words)))
    return int(code), out.getvalue(), err.getvalue()


def strict(kind: Any) -> Any:
    """A type of a schema as pydantic takes it: no key more or less, no text for a number."""
    if is_typeddict(kind):
        fields = {key: strict(each) for key, each in get_type_hints(kind, include_extras=True).items()}
        made: Any = typing_extensions.TypedDict(kind.__name__, fields, total=kind.__total__)  # pyright: ignore
        made.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)
        return made
    inner = get_args(kind)
    origin = get_origin(kind)
    if origin in (Sequence, list):
        return list[strict(inner[0])]
    if origin is NotRequired:
        return NotRequired[strict(inner[0])]
    if origin in (Mapping, dict):
        return dict[str, strict(inner[1])]
    if inner and all(isinstance(each, type) or is_typeddict(each) or get_args(each) for each in inner):
        return kind if origin is tuple else _union([strict(each) for each in inner])
    return kind


def _union(kinds: list[Any]) -> Any:
    whole = kinds[0]
    for each in kinds[1:]:
        whole = whole | each
    return whole


def check(output: Output, text: str) -> None:
    """Hold what was printed against its schema.

    Raises:
        ValidationError: they differ.
    """
    if output.form == "events":
        assert all("kind" in json.loads(line) for line in text.splitlines())
        return
    if output.form == "lines":
        assert text
        for line in text.splitlines():
            TypeAdapter(strict(output.shape)).validate_json(line, strict=True)
        return
    wanted: Any = {"number": int, "list of numbers": list[int], "map of texts": dict[str, str]}.get(
        output.form
    )
    if wanted is None:
        item = strict(output.shape)
        wanted = {"list": list[item], "map": dict[str, item]}.get(output.form, item)
    TypeAdapter(wanted).validate_json(text, strict=True)


def output_of(name: str, line: str) -> Output:
    """Which of a command's outputs a line asks for."""
    words = line.split()
    return next(
        (each for each in OUTPUTS[name] if each.when and set(each.when.split(", ")) & set(words)),
        OUTPUTS[name][0],
    )


@pytest.mark.parametrize("line", [line for line, _ in LINES])
def test_a_line_ends_as_it_should(printed: Printed, line: str) -> None:
    code, _, err = printed[line]
    assert code == dict(LINES)[line], err


@pytest.mark.parametrize("name", sorted(OUTPUTS))
def test_a_command_prints_what_its_schemas_say(printed: Printed, name: str) -> None:
    """Every form of every command: no key more, none less, the right types, and one JSON value on stdout."""
    lines = printed.of(name)
    for line, text in lines:
        check(output_of(name, line), text)
    assert {output_of(name, line) for line, _ in lines} == set(OUTPUTS[name])


def test_every_command_has_json_or_a_reason() -> None:
    known = dict(commands())
    with_json = {
        name for name, command in known.items() if any("--json" in each.opts for each in command.params)
    }
    assert with_json == set(OUTPUTS)
    assert set(WITHOUT_JSON) == set(known) - with_json, "give the command --json, or say why it has none"


def test_every_shape_was_met(printed: Printed) -> None:
    met: set[str] = set()
    for name in OUTPUTS:
        for line, text in printed.of(name):
            output = output_of(name, line)
            if output.shape:
                found = list(map(json.loads, text.splitlines() if output.form == "lines" else [text]))
                if output.form in ("list", "map"):
                    found = found[0] if output.form == "list" else list(found[0].values())
                for item in found:
                    _meet(output.shape, item, met)
    assert set(all_shapes()) - met == NOT_MET


def _meet(kind: Any, value: Any, met: set[str]) -> None:
    if is_typeddict(kind) and isinstance(value, dict):
        met.add(kind.__name__)
        for key, each in keys_of(kind).items():
            if key in value:
                _meet(each, value[key], met)
    elif isinstance(value, list):
        for each, item in ((each, item) for each in get_args(kind) for item in value):
            _meet(each, item, met)
    else:
        for each in get_args(kind):
            _meet(each, value, met)


def test_objects_name_their_schema_each_its_own() -> None:
    outputs = [each for outputs in OUTPUTS.values() for each in outputs if each.shape]
    names = {each.shape: schema_name(each.shape) for each in outputs if each.shape}
    for each in outputs:
        assert each.shape
        assert bool(names[each.shape]) == (each.form == "object"), each.shape.__name__
        assert not names[each.shape] or re.fullmatch(r"frieze/[a-z-]+/[0-9]+", names[each.shape])
    given = [name for name in names.values() if name]
    assert len(set(given)) == len(given)


def test_one_word_has_one_type_and_a_meaning() -> None:
    """All keys of all schemas, against the vocabulary; those that were promised otherwise stand in a list."""
    told = tomllib.loads(VOCABULARY.read_text("utf-8"))
    types: dict[str, set[str]] = {}
    for key, kind in types_of_words():
        if key != "schema":
            types.setdefault(key, set()).add(kind)
    assert sorted(told["words"]) == sorted(types)
    assert sorted(told["also"]) == sorted(key for key, kinds in types.items() if len(kinds) > 1)


def test_the_page_is_made_from_the_schemas() -> None:
    made = page() == (ROOT / "docs" / "json.md").read_text("utf-8")
    assert made, "make it anew: python -m curator.cli.json_reference > docs/json.md"


def test_an_edit_tells_what_it_matched_and_which_words_nobody_has(printed: Printed) -> None:
    done = json.loads(printed["tag add fox den --yes"][1])
    assert (done["matched"], done["changed"], done["dry_run"], done["unknown_tags"]) == (1, 1, False, [])
    changes = {each["id"]: each for each in json.loads(printed["history"][1])}
    assert changes[done["commit"]]["what"] == done["what"] == "add 'den'"
    none = json.loads(printed["tag add nobodyhas den --yes"][1])
    assert (none["matched"], none["commit"], none["unknown_tags"]) == (0, None, ["nobodyhas"])
    looked = json.loads(printed["tag remove fox den --dry-run"][1])
    assert (looked["changed"], looked["dry_run"], looked["commit"], looked["commits"]) == (1, True, None, [])
