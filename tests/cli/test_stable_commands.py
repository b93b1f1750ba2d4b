"""Commands that others script: each form runs as it was promised, and `docs/commands.md` is made from the code."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curator.cli.command_tree import commands
from curator.cli.options.arguments import OLD_WORDS
from curator.cli.reference import page
from curator.runs import launch
from tests.caches import write_cache

Frieze = Callable[..., Any]
PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
FAKE = Path(__file__).parents[1] / "runs" / "fake_worker.py"

# What was promised: a line as it is typed, and, of a JSON report, the keys it has (of its first element, if a list).
SIZES = "--resolution 512 --min 256 --max 1024 --step 64"
STABLE: list[tuple[str, str]] = [
    (f"buckets {SIZES} --size 600x400 --size 512x512 --json", "buckets sizes"),
    (f"buckets {SIZES} --size 600x400 512x512 --json", "buckets sizes"),
    (f"buckets {SIZES} --no-upscale --size 600x400 --json", "buckets sizes"),
    (f"buckets {SIZES} --sizes-from sizes.txt --json", "buckets sizes"),
    (f"buckets {SIZES} --no-upscale --sizes-from - --json", "buckets sizes"),
    ("buckets --resolution 768x512 --min 256 --max 1024 --step 64 --size 600x400 --json", "buckets sizes"),
    ("buckets fox --json", "buckets images"),
    ("buckets", ""),
    ("import kohya --layout kohya-folders --plan --json", "subsets ignored"),
    ("import set.toml --layout kohya-toml --plan --json", "subsets ignored"),
    ("import meta.json --layout kohya-json --images . --plan --json", "subsets ignored"),
    ("import . --layout everydream --plan --json", "subsets ignored"),
    ("import kohya --plan", ""),
    ("captions --text 'a (red:1.3) hat' --json", "weights tokens chunks"),
    ("captions --text 'a, b, c' --rule shuffle=true --rule keep_tags=1 --epochs 3 --json", "captions"),
    ("captions fox --epoch 3 --seed 7", ""),
    ("captions --epoch 3 --json", "id path epoch caption tokens chunks"),
    ("manifest show set --batch-size 2 --json", "images samples_per_epoch batches_per_epoch steps_per_epoch buckets"),
    ("manifest show set --batch-size 2 --accumulate 2 --processes 2 --json", "effective_batch buckets"),
    ("cache list", ""),
    ("cache list --json", "name kind model entries bytes last_used"),
    ("cache export set --json", "written there missing"),
    ("cache verify --json", "caches"),
    ("cache prune --unused --dry-run --json", "entries bytes"),
    ("cache prune --unused-days 30 --most-gib 1.5 --damaged", ""),
    ("manifest verify set", ""),
    ("manifest verify set --json", "digest images problems"),
    ("manifest diff set set --json", "equal"),
    ("manifest export set out --format kohya-toml --dry-run --json", "images folders notes dry_run"),
    ("manifest export set out --format jsonl", ""),
    ("manifest export set out --format parquet", ""),
    ("manifest export set out --format kohya-toml", ""),
    ("manifest export set out --format kohya-json", ""),
    ("manifest export set out --format imagefolder", ""),
    ("manifest captions set 0 --epochs 2 --json", "epoch caption"),
    ("manifest import exported again", ""),
    ("completion bash", ""),
    ("manifest list --json", "name images digest"),
    ("scan", ""),
    ("scan pictures --json", "added"),
    ("ls fox --json", "id size mark path tags"),
    ("ls fox --ids", ""),
    ("ls fox --count", ""),
    ("ls fox --columns id,path,width", ""),
    ("stats --json", "images tags"),
    ("verify", ""),
    ("doctor --quick --json", "sound checks"),
    ("verify --rebuild --json", "faults"),
    ("history --json", "id at what images_changed"),
    ("undo", ""),
    ("undo 2", ""),
    ("redo", ""),
    ("export sqlite out.db", ""),
    ("tag add fox den --yes", ""),
    ("tag remove fox animal --yes", ""),
    ("tag rename '' animal beast --yes", ""),
    ("tag order '' --yes", ""),
    ("tag order '' outdoors --yes", ""),
    ("tag clean '' --dry-run", ""),
    ("tag relate '' --dry-run --json", "images changes_by_rule changes"),
    ("tag derive '' rating year --dry-run --json", "kind images tags"),
    ("tag write ''", ""),
    ("tag caption fox 'a fox'", ""),
    ("tag again --dry-run --json", ""),
    ("tag class animal fox", ""),
    ("tag alias vixen fox", ""),
    ("tag tables --json", "order clean"),
    ("tag check-identifier --suggest 2", ""),
    ("tag list --json", "name class count"),
    ("tag find fo --json", "name class count"),
    ("pick --top 2 --seed 7 --json", "images ids funnel digest"),
    ("dupes --json", ""),
    ("facets --json", "name class images"),
    ("quarantine --json", ""),
    ("mark keep fox", ""),
    ("filter save foxes fox", ""),
    ("filter list --json", "name filter"),
    ("filter remove birds", ""),
    ("subset list --json", "name filter images repeats samples share"),
    ("subset add more owl --repeats 2", ""),
    ("subset set foxes --repeats 2", ""),
    ("subset put foxes fox --repeats 2", ""),
    ("subset order rest foxes", ""),
    ("subset remove foxes", ""),
    ("subset overfit --json", ""),
    ("subset balance --dry-run --json", "subsets"),
    ("explain fox.png --json", "row tags captions history"),
    ("freeze again --json", "name path digest images samples_per_epoch"),
    ("freeze fresh --if-changed --json", "name path digest is_new"),
    ("freeze set --dry-run --json", "images samples_per_epoch"),
    ("chain steps.toml --plan --json", "chain title steps_run chain_steps"),
    ("recipe list --json", "name about"),
    ("recipe show sd15-lora --json", "adapter.rank batch.size"),
    ("recipe check sd15-lora", ""),
    ("recipe check sd15-lora --set length.steps=9 --json", "recipe doubts"),
    ("recipe lr sd15-lora --set schedule.warmup_steps=2 --steps 4 --json", "step unet text"),
    ("recipe import train.sh --json", "tool recipe settings hindrance"),
    ("recipe fields --json", "key type default help section needs"),
    ("model blocks sd1 --json", "model.diffusion_model.out.2.weight"),
    ("models list --json", "name kind licence missing"),
    ("models show wd-swinv2-v3 --json", "name kind thresholds folder"),
    ("sample --prompts prompts.txt --plan --json", "prompt negative_prompt width height seed scale steps sampler"),
    ("train set --recipe tiny-demo --model model --set batch.size=2 --check --json", "steps steps_per_epoch buckets"),
    ("train set --recipe tiny-demo --model model --set metadata.description=steps=2", ""),
    ("runs list --json", "name status step path failure pid log weights"),
    ("runs list --status finished,failed --limit 5 --json", "name status"),
    ("runs show done --json", "name status step path weights checkpoints evaluations"),
    ("runs wait done --timeout 600", ""),
    ("runs follow done", ""),
    ("runs pause living", ""),
    ("runs resume living", ""),
    ("runs save living", ""),
    ("runs sample living", ""),
    ("runs stop living", ""),
    ("runs queue --json", ""),
    ("train set --recipe tiny-demo --model model --name waits --queue --device cpu --retry 2 --json", "run path place"),
    ("runs queue waits --hold", ""),
    ("runs queue waits --release", ""),
    ("runs queue waits --first", ""),
    ("runs queue waits --up", ""),
    ("runs queue waits --down", ""),
    ("runs queue waits --last --retry 1 --json", ""),
    ("runs queue waits --remove", ""),
    ("report set", ""),
    ("report set --out page.html --pictures 4 --json", "subject name path bytes pictures pictures_left_out"),
    ("runs compare done done --json", "sides knobs same_data data training_losses noise_losses validation_losses"),
    ("runs export done --out done.safetensors --replace --json", "run weights path bytes"),
    ("runs rename done cats --json", "before run path"),
    ("runs delete done --dry-run --json", "run path deleted weights_files bytes"),
    ("runs delete done --keep-weights --yes", ""),
]  # fmt: skip
NOT_RUN_HERE = {
    "adapter plan",
    "batch",
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
    "jobs follow",
    "jobs list",
    "jobs resume",
    "jobs stop",
    "models fetch",
    "publish",
    "runs fetch",
    "runs losses",
    "runs verify-resume",
    "proposals",
    "propose",
    "runs judge",
    "subset make-reg",
    "tag accept",
    "train",
}  # by tests of their own (proposals and jobs in test_proposals.py); training is, above


@pytest.fixture
def home(frozen: Path, frieze: Frieze, monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> Path:
    """A collection with subsets, a manifest, an edit, and data of other tools."""
    folder = frozen.parents[1]
    monkeypatch.chdir(folder)
    assert frieze("tag", "add", "owl", "night").code == 0
    assert frieze("filter", "save", "birds", "owl").code == 0
    assert frieze("manifest", "export", "set", "exported").code == 0
    (folder / "sizes.txt").write_text("600x400\n512x512\n")
    (folder / "train.sh").write_text(
        "accelerate launch train_network.py --network_dim=8 --shiny --resolution 512\n"
    )
    (folder / "steps.toml").write_text('[[steps]]\nname = "look"\nrun = "stats"\n')
    (folder / "prompts.txt").write_text("a --n b --w 64 --h 96 --d 7 --l 2.5 --s 3 --ss euler\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"600x400\n")))
    (folder / "kohya" / "3_sls fox").mkdir(parents=True)
    for name in ("fox.png", "fox.txt"):
        (folder / "kohya" / "3_sls fox" / name).write_bytes((folder / "pictures" / name).read_bytes())
    (folder / "set.toml").write_text(
        '[[datasets]]\nresolution = 512\nenable_bucket = true\n[[datasets.subsets]]\nimage_dir = "kohya/3_sls fox"\n'
    )
    (folder / "meta.json").write_text('{"pictures/fox.png": {"tags": "fox, red"}}')
    (folder / "model").symlink_to(tiny_model)
    write_cache(folder, frozen)
    monkeypatch.setattr(launch, "WORKER", (str(FAKE),))
    return folder


def words_of(line: str) -> list[str]:
    return [first or second for first, second in re.findall(r"'([^']*)'|(\S+)", line)]


@pytest.mark.parametrize(("line", "keys"), STABLE, ids=[line for line, _ in STABLE])
def test_a_promised_form_runs(home: Path, frieze: Frieze, line: str, keys: str) -> None:
    is_request = line.startswith("runs") and line.endswith("living")
    if line.startswith("runs"):
        begun = (
            "train",
            "set",
            "--recipe",
            "tiny-demo",
            "--model",
            "model",
            "--name",
            "living" if is_request else "done",
        )
        how = ("steps=5000 sleep=0.05", "--detach") if is_request else ("steps=2",)
        assert frieze(*begun, "--set", f"metadata.description={how[0]}", *how[1:]).code == 0
    if line == "redo":
        assert frieze("undo").code == 0
    if line.startswith("runs queue waits"):
        waits = ("--recipe", "tiny-demo", "--model", "model", "--name", "waits", "--queue", "--device", "cpu")
        assert frieze("train", "set", *waits).code == 0
    if line.startswith("runs export"):
        (done_run,) = (home / "runs").glob("*-done")
        (done_run / "output" / "done.safetensors").write_bytes(b"weights")
    if line == "runs resume living":
        assert frieze("runs", "pause", "living").code == 0
    done = frieze(*words_of(line))
    if is_request:
        assert frieze("runs", "stop", "living").code == 0
    assert done.code == 0, done.err
    if "--json" in line:
        found = done.json
        first = found[0] if isinstance(found, list) and found else found
        assert not keys or set(keys.split()) <= set(first), sorted(first)


def test_sizes_and_subsets_have_the_keys_that_were_promised(home: Path, frieze: Frieze) -> None:
    (size, _) = frieze(*words_of(STABLE[0][0])).json["sizes"]
    assert set(size) == {"size", "bucket", "resized", "crop"}
    plan = frieze("import", "kohya", "--layout", "kohya-folders", "--plan", "--json").json
    (subset,) = plan["subsets"]
    assert {key: subset[key] for key in ("repeats", "class_tokens", "images", "is_reg")} == {
        "repeats": 3, "class_tokens": "sls fox", "images": 1, "is_reg": False,
    }  # fmt: skip
    assert Path(subset["folder"]).name == "3_sls fox"


def test_the_reference_is_made_from_the_code() -> None:
    told = "python -m curator.cli.reference > docs/commands.md"
    assert PAGE.read_text("utf-8") == page(), f"make it anew: {told}"


def test_every_promised_option_is_in_the_reference() -> None:
    sections = dict(re.findall(r"^## frieze (.+?)\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.M | re.S))
    assert list(sections) == [name for name, _ in commands()]
    for line, _ in STABLE:
        words = words_of(line)
        name = next(each for each in (" ".join(words[:2]), words[0]) if each in sections)
        for option in (word for word in words if word.startswith("--")):
            now = OLD_WORDS.get(option, option)
            assert re.search(rf"`.*({option}|{now})\b.*`", sections[name]), f"{name} {option}"
    tried = {" ".join(words_of(line)[:2]) for line, _ in STABLE} | {line.split()[0] for line, _ in STABLE}
    assert {name for name, _ in commands()} - tried - NOT_RUN_HERE == set()
