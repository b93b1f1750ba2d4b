"""A collection with long and wide names of every kind, and the way to each screen, dialog and form of the app."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from curator.contract.buckets import BucketRule
from curator.contract.caption.captions import CaptionRules
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import dump_recipe, with_values
from curator.contract.run import events as ev
from curator.contract.run.event_log import EventLog
from curator.contract.run.run_folder import RunFolder
from curator.index.changes.edits import AddTags, RenameTag, SetCaption, SetMark
from curator.index.tables.rows import SavedFilter, Subset
from curator.runs.queue.jobs import Queue, job_of
from curator.session.session import Session
from curator.session.training.grids import compare_grid
from curator.session.training.model_list import name_model
from tests.caches import write_cache
from tests.grids import write_grid
from tests.inside import inside
from tests.tui.answered_job import answered_job

LONG_TAG = "holding_a_very_long_object_behind_the_back_while_looking_over_the_left_shoulder_(series_name)"
LONG_NAME = (
    "danbooru_7654321__original_drawn_by_somebody_with_a_long_name__0123456789abcdef0123456789abcdef.png"
)
LONG_SUBSET = "the_heroine_of_the_second_season_in_her_winter_coat_by_the_station"
LONG_FILTER = f"outdoors OR indoors OR (animal -vehicle width>=64) OR text OR {LONG_TAG} OR party"
LONG_CAPTION = (
    "an oil painting of somebody who stands on a bridge in the rain, with an umbrella and a long red scarf, "
    "and looks back over the shoulder at the lights of the town behind, late in the evening of a day in autumn"
)
LONG_RUN = "winter-coat-by-the-station-with-a-name-as-long-as-names-of-runs-get"
LONG_MANIFEST = "the-heroine-of-the-second-season-frozen-for-the-third-time-with-captions"
LONG_MODEL = "a-tagger-of-our-own-that-was-tuned-on-winter-coats-by-the-station"
LONG_TEXTS = (
    LONG_TAG,
    LONG_TAG.replace("_", " "),
    LONG_NAME,
    LONG_SUBSET,
    LONG_FILTER,
    LONG_CAPTION,
    LONG_MANIFEST,
    LONG_RUN,
    LONG_MODEL,
)

PICTURES = {
    "01 cat.png": ((192, 128), "cat, animal, indoors"),
    LONG_NAME: ((128, 192), f"dog, animal, outdoors, {LONG_TAG}, 1girl, solo"),
    "猫と犬と夜の街を歩く少女の絵の長い名前のファイルです、もっと長く.png": (
        (128, 128),
        "猫, 夜の街, vehicle, 雪の降る静かな夜の街角で待つ人",
    ),
    "👩‍🚀🐈 party 🎉🎉🎉.png": ((256, 96), "🎉 party, text"),
    "[bold]name.png": ((128, 128), "[red]not markup[/red]"),
    "06 blank.png": ((128, 128), ""),
    "07 cat again.png": ((192, 128), "cat"),
}


class Place(NamedTuple):
    """A way from Browse, by keys, to what is seen there; `text:` is typed, `see:` waits for a text.

    `{folder}` is the folder that the collection lies in.
    """

    name: str
    steps: tuple[str, ...]


_WRITES_A_PAGE = ("4", "see:subsets", "R", "see:mind whom", "ctrl+u", "text:{folder}/page.html", "enter")
PLACES = (
    Place("browse", ()),
    Place("browse without the image", ("p",)),
    Place("the grid", ("i", "j")),
    Place("the grid, smaller and alone", ("i", "minus", "p", "space")),
    Place("the grid, other tags", ("i", "t", "see:animal")),
    Place("browse, other tags", ("t", "see:animal")),
    Place("browse, a filter that is wrong", ("slash", "ctrl+u", "text:wdith>3 cat", "see:did you mean")),
    Place("the order", ("o", "see:rising")),
    Place("saved filters", ("f", "see:Saved filters")),
    Place("save a filter", ("F", "see:Save this filter")),
    Place("jump to a row", ("number_sign", "see:row or id")),
    Place("add tags", ("a", "see:Add tags")),
    Place("remove tags", ("d", "see:Remove tags")),
    Place("rename a tag, which is asked", ("r", "see:Rename a tag everywhere")),
    Place("rename a tag", ("j", "tab", "G", "r", "see:Rename")),
    Place("edit a caption", ("j", "e", "see:Caption of")),
    Place("change many", ("ctrl+a", "a", f"text:{LONG_TAG}2", "enter", "see:Change 7 images")),
    Place("statistics", ("S", "see:tags an image")),
    Place("why an image trains", ("j", "w", "see:subset ")),
    Place("copy", ("j", "Y", "see:path")),
    Place("write sidecars", ("W", "see:Write the sidecars")),
    Place("sidecars, their plan", ("W", "enter", "see:to write")),
    Place("export as tables", ("X", "see:SQLite")),
    Place("a tag completed", ("r", "see:Rename a tag everywhere", "text:hold", "see:holding")),
    Place("captions of an image", ("j", "n", "see:epoch 1")),
    Place("the image on the whole screen", ("j", "enter", "see:2/7")),
    Place("the image from near", ("j", "enter", "see:2/7", "z", "see:1:1", "l")),
    Place("the image and its mask", ("j", "enter", "see:2/7", "m", "see:hatched")),
    Place("copies", ("D", "see:group 1 of 1")),
    Place("a copy on the whole screen", ("D", "see:group 1 of 1", "enter", "see:1/2")),
    Place("copies, the best of every group", ("D", "see:group 1 of 1", "B", "see:Reject 1 image")),
    Place("files set aside", ("Q", "see:could not be used")),
    Place("scan a folder", ("ctrl+o", "see:Scan a folder")),
    Place("keys", ("question_mark", "see:Keys here")),
    Place("commands", ("colon", "see:All commands")),
    Place("commands and images", ("colon", "see:All commands", "text:anim", "see:show images")),
    Place("subsets", ("2", "see:steps per epoch")),
    Place("balance", ("2", "see:steps per epoch", "b", "see:same share")),
    Place("edit a subset", ("2", "see:steps per epoch", "e", "see:loss weight")),
    Place("a filter completed", ("2", "see:steps per epoch", "e", "see:loss weight", "tab", "text:cat", "see:cat ")),
    Place("captions of a subset", ("2", "see:steps per epoch", "c", "see:trigger")),
    Place("remove a subset", ("2", "see:steps per epoch", "d", "see:Remove the subset")),
    Place("bucket sizes", ("2", "see:steps per epoch", "s", "see:shortest side")),
    Place("captions", ("3", "see:step 1 of")),
    Place("captions, a step", ("3", "see:step 1 of", "number_sign", "see:Jump to")),
    Place("captions, another plan", ("3", "see:step 1 of", "b", "see:batch size")),
    Place("captions, the image", ("3", "see:step 1 of", "enter", "see:1/")),
    Place("freeze", ("4", "see:steps per epoch")),
    Place("freeze, files set aside", ("4", "see:steps per epoch", "G", "enter", "see:could not be used")),
    Place("freeze, what differs", ("4", "see:subsets", "d", "see:to the collection now")),
    Place("export a manifest", ("4", "see:subsets", "X", "see:copy images")),
    Place(
        "export a manifest, the plan",
        ("4", "see:subsets", "X", "see:copy images", "tab", "text:{folder}/out", "enter", "see:Write"),
    ),
    Place("a page about a manifest", ("4", "see:subsets", "R", "see:mind whom")),
    Place("a page that was written", (*_WRITES_A_PAGE, "see:Written")),
    Place("replace what is there", (*_WRITES_A_PAGE, "see:Replace what is there")),
    Place("bring in a manifest", ("4", "see:subsets", "i", "see:Bring in a manifest")),
    Place("name a manifest", ("4", "see:steps per epoch", "n", "see:never changes")),
    Place("train", ("5", "see:[5 Train]")),
    Place("train, a value", ("5", "see:[5 Train]", "slash", "text:model.path", "enter", "enter")),
    Place("launch", ("5", "see:[5 Train]", "L", "see:Start training")),
    Place("queue a training", ("5", "see:[5 Train]", "Q", "see:Put in the queue")),
    Place("a training tried out", ("5", "see:[5 Train]", "C", "see:although it does not fit")),
    Place("runs", ("6", "see:running")),
    Place("compare a run, with which", ("6", "see:running", "c", "see:Compare")),
    Place("compare two runs", ("6", "see:running", "c", "see:Compare", "enter", "see:length.epochs")),
    Place("a dashboard", ("6", "see:running", "enter", "see:leaves it running")),
    Place("stop a run", ("6", "see:running", "x", "see:Stop the run")),
    Place("suspend a run", ("6", "see:running", "P", "see:Suspend the run")),
    Place("delete a run", ("6", "see:running", "delete", "see:Lost for good")),
    Place("rename a run", ("6", "see:running", "n", "see:without a date")),
    Place("a page about a run", ("6", "see:running", "R", "see:mind whom")),
    Place("weights of a run", ("6", "see:running", "E", "see:a file of the run")),
    Place("caches", ("6", "see:running", "C", "see:entries of latents")),
    Place("caches, what to prune", ("6", "see:running", "C", "see:entries of latents", "p", "see:at most GiB")),
    Place(
        "caches, what would go",
        ("6", "see:running", "C", "see:entries of", "p", "see:at most", "shift+tab", "text:0", "enter", "see:Remove"),
    ),
    Place("models", ("6", "see:running", "M", "see:2 models")),
    Place("merge models", ("6", "see:running", "M", "see:2 models", "m", "see:Merge models")),
    Place(
        "merge models, what that is",
        ("6", "see:running", "M", "see:2 models", "m", "see:Merge models", "shift+tab", "text:{folder}/merged",
         "enter", "see:Write "),
    ),
    Place("bake adapters", ("6", "see:running", "M", "see:2 models", "b", "see:Bake adapters")),
    Place(
        "bake adapters, what that is",
        ("6", "see:running", "M", "see:2 models", "b", "see:Bake adapters", "text:{folder}/base", "shift+tab",
         "text:{folder}/baked", "enter", "see:Write "),
    ),
    Place("compare a model, with which", ("6", "see:running", "M", "see:2 models", "c", "see:Compare")),
    Place("add a model", ("6", "see:running", "M", "see:2 models", "a", "see:Another model")),
    Place("grids", ("6", "see:running", "A", "see:6 of 8 images")),
    Place("make a grid", ("6", "see:running", "A", "see:6 of 8 images", "n", "see:Make a grid")),
    Place(
        "make a grid, what that takes",
        ("6", "see:running", "A", "see:6 of 8 images", "n", "see:Make a grid", "text:{folder}/grid.toml",
         "shift+tab", "text:{folder}/made", "enter", "see:Make 2 images?"),
    ),
    Place("add a grid", ("6", "see:running", "A", "see:6 of 8 images", "a", "see:Add a grid")),
    Place("judge a grid", ("6", "see:running", "A", "see:6 of 8 images", "J", "see:which is judged of")),
    Place("judge a grid, a pair", ("6", "see:running", "A", "see:6 of 8", "J", "see:which is", "enter", "see:2 of 2")),
    Place("a grid, what won", ("6", "see:running", "A", "see:6 of 8 images", "s", "see:compared")),
    Place("images of a grid", ("6", "see:running", "A", "see:6 of 8 images", "enter", "see:8 cells")),
    Place("an image of a grid", ("6", "see:running", "A", "see:6 of 8", "enter", "see:8 cells", "enter", "see:1/6")),
    Place("choose of a grid", ("6", "see:running", "A", "see:6 of 8", "enter", "see:8 cells", "c", "see:frieze model")),
    Place("bake of a grid", ("6", "see:running", "A", "see:6 of 8", "enter", "see:8 cells", "c", "y", "see:bake to")),
    Place("the queue", ("6", "see:running", "Q", "see:Queue:")),
    Place("samples", ("6", "see:running", "enter", "see:leaves it running", "o", "see:1 prompt")),
    Place("a sample", ("6", "see:running", "enter", "see:leaves it running", "o", "see:1 prompt", "enter", "see:1/1")),
    Place("tagging", ("9", "see:stopped")),
    Place("ask a tag model", ("9", "see:stopped", "n", "see:Ask a tag model")),
    Place("stop a tagging job", ("9", "see:stopped", "x", "see:Stop the job")),
    Place("proposals", ("9", "see:stopped", "enter", "see:tags to add")),
    Place("accept all proposals", ("9", "see:stopped", "enter", "see:tags to add", "A", "see:Accept for all of")),
    Place("tags", ("0", "see:together with")),
    Place("tags, a class", ("0", "see:together with", "c", "see:Class of")),
    Place("tags, merge", ("0", "see:together with", "m", "see:Merge")),
    Place("history", ("7", "see:rename")),
    Place("take an edit back", ("7", "see:rename", "enter", "see:Take this edit back")),
    Place("take edits back", ("7", "see:rename", "j", "U", "see:made since back")),
    Place("prepare", ("8", "see:would change")),
    Place("prepare, which images", ("8", "see:would change", "slash", "see:Which images")),
    Place("prepare, a table", ("8", "see:would change", "e", "see:ctrl+s")),
    Place("prepare, a change", ("8", "see:would change", "G", "see:of tags by class;", "enter", "see:order: change 1")),
    Place("pick", ("8", "see:would change", "p", "see:Pick images")),
    Place("pick, its funnel", ("8", "see:would change", "p", "shift+tab", f"text:{LONG_RUN}", "enter", "see:Make")),
    Place("import", ("8", "see:would change", "i", "see:Bring in")),
    Place("the theme", ("f3", "see:what suits")),
    Place("how images are shown", ("f4", "see:How images are shown")),
    Place("import, its plan", ("8", "see:would change", "i", "text:{folder}/kohya", "enter", "see:Bring this in")),
)  # fmt: skip

# Where `more_came_since` was called.
LATER = (
    Place("stop a run of the queue", ("6", "see:running", "Q", "see:working", "x", "see:leaves the queue")),
    Place("prepare, what came since", ("8", "see:came since", "G", "n", "see:that came since?")),
)


MERGE = {
    "toml": f'method = "weighted-sum"\nmodels = ["{LONG_MODEL}", "{LONG_MODEL}"]\n',
    "doubts": [{"what": f"{LONG_MODEL} says nothing of what it predicts", "hint": LONG_CAPTION}],
}
PEAKS = {"train_bytes": 9 << 30, "sample_bytes": 4 << 30, "save_bytes": 2 << 30}
OUTLOOK = {
    "fits": False, "obstacles": ["8 images of 256x256 do not fit"], "proposals": [], "device": LONG_NAME,
    "bucket": (256, 256), "images_at_once": 8, "max_batch": 6, "step_seconds": 1.0, "images_per_second": 8.0,
    "steps": 100, "total_seconds": 4000.0, "caching_seconds": 1.0, "training_seconds": 3900.0, "sampling_seconds": 9.0,
    "saving_seconds": 2.0, "device_peaks": PEAKS, "host_peaks": PEAKS, "free_bytes": 1 << 30, "weights_bytes": 1 << 27,
    "state_bytes": 1 << 28, "cache_bytes": 1 << 20, "cache_disk_bytes": 0, "evaluating_seconds": 0.0,
        "disk_bytes": 1 << 31, "disk_free_bytes": 1 << 40,
}  # fmt: skip


@contextmanager
def full_collection(folder: Path) -> Iterator[Session]:
    """A collection that has something to show at every place, with a run that runs as long as this is open."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    for at, (name, (size, tags)) in enumerate(PICTURES.items()):
        image = Image.linear_gradient("L").resize(size).rotate(45 * at)
        Image.merge("RGB", (image, image.rotate(90), Image.new("L", size, 30 * at))).save(pictures / name)
        if tags:
            (pictures / name).with_suffix(".txt").write_text(tags)
    (pictures / "07 cat again.png").write_bytes((pictures / "01 cat.png").read_bytes())
    (pictures / f"broken {LONG_NAME}").write_bytes(b"no image")
    other = folder / "kohya" / f"10_{LONG_SUBSET}"
    other.mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(other / LONG_NAME)
    with Session.create(folder / "set") as session:
        session.images.scan(pictures)
        rule = asdict(BucketRule(128, 128, 64, 256, 64))
        inside(session).settings.put("bucket_rule", rule)
        _fill(session)
        with _running(session):
            yield session


def _fill(session: Session) -> None:
    ids = session.images.select("").ids.tolist()
    session.edits.apply(SetCaption(LONG_CAPTION), [session.images.select("dog").ids.tolist()[0]])
    session.edits.apply(SetMark(1), ids[:2])
    session.edits.apply(AddTags(("by hand",)), ids)
    rules = CaptionRules(shuffle=True, tag_dropout=0.4, trigger="frz")
    session.subsets.save(Subset(LONG_SUBSET, LONG_FILTER, repeats=2.5, flip=True, rules=rules))
    session.subsets.save(Subset("猫", "cat OR 猫"))
    session.subsets.save(Subset("rest", "", is_reg=True))
    session.filters.save(SavedFilter("long", LONG_FILTER))
    model = shutil.copytree(
        Path(__file__).parents[2] / "train/families/sd1_config", session.folder / LONG_NAME
    )
    session.memory.keep("recipe", {"length.epochs": 30, "batch.size": 2, "model.path": str(model)})
    session.memory.keep("filter", "")
    session.freezing.write(LONG_MANIFEST)
    write_cache(session.folder, session.manifests.folder / f"{LONG_MANIFEST}.manifest")
    session.memory.keep("manifest", LONG_MANIFEST)
    _lay_grids(session)
    session.edits.apply(RenameTag("by hand", f"{LONG_TAG}_by_hand"), ids)
    labels = [
        ("sensitive", "rating", 0.8),
        ("cat", "general", 0.9),
        ("猫, 犬", "general", 0.8),
        ("猫", "general", 0.7),
    ]
    answered_job(session, LONG_MODEL, [*labels, (f"{LONG_TAG}_3", "character", 0.9)], bad=LONG_NAME)


def _lay_grids(session: Session) -> None:
    """One with pages, of which two images are missing and one pair is judged, and one that is gone."""
    folder = session.folder.parent / f"grid {LONG_RUN}"
    axes = (
        ("ratio", ("ratio 0.5", f"ratio 1 {LONG_TAG}")),
        ("prompt", (LONG_CAPTION, "a [b]dog[/b]")),
        ("seed", ("seed 1", "seed 2")),
    )
    write_grid(folder, axes, missing=("1:B1",), failed=("1:B2",), adapter=f"/nets/{LONG_MODEL}.safetensors")
    compare_grid(folder).choose("left")
    spec = f"model = '{session.folder / LONG_NAME}'\nprompt = ['{LONG_CAPTION}', 'a dog']\n"
    (session.folder.parent / "grid.toml").write_text(spec)
    session.memory.keep("grids", [str(folder), f"/nowhere/{LONG_SUBSET}"])


def more_came_since(session: Session) -> None:
    """The run at work is one of the queue; a rule was carried out, and images have changed since."""
    run = session.runs.find(LONG_RUN)
    queue = Queue()
    queue.add(job_of(run, "cpu", "", processes=None, retries=0))
    queue.change(run, lambda job: replace(job, state="working"))
    ids = session.images.select("").ids
    session.rules.keep_table("order", '[order]\nwithin = "name"\n')
    session.rules.carry_out("order", ids, kept_for="")
    session.edits.apply(AddTags(("aardvark",)), ids.tolist()[:2])


@contextmanager
def _running(session: Session) -> Iterator[None]:
    manifest = session.folder / "manifests" / f"{LONG_MANIFEST}.manifest"
    shorter = dump_recipe(with_values(Recipe(), {"length.epochs": 3}))
    RunFolder.create(session.runs.folder, "a run before", shorter, manifest, "0" * 64)
    run = RunFolder.create(session.runs.folder, LONG_RUN, dump_recipe(Recipe()), manifest, "0" * 64)
    with run.hold():
        log = EventLog(run.events_path)
        log.write(ev.RunStarted(time.time(), 0, 48_000, 2, False, 1, "cpu", 1))
        for step in range(1, 200):
            log.write(ev.StepDone(time.time(), step, 0, 1 / step, {"unet": 1e-4}, 1.0, 4, 0.5, 1 << 30))
        run.output_dir.mkdir(exist_ok=True)
        (run.output_dir / f"{LONG_RUN}.safetensors").write_bytes(b"weights")
        name_model(session.memory, session.folder / f"{LONG_MODEL}.safetensors")
        sample = run.path / "samples" / "step.png"
        sample.parent.mkdir(exist_ok=True)
        Image.new("RGB", (64, 64), "red").save(sample)
        log.write(ev.SampleMade(time.time(), 199, "samples/step.png", LONG_CAPTION, 5))
        yield
