"""The Captions screen: steps of a training before it runs, with images, crops and captions (row S042)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Label

from curator.contract.caption.clip_tokens import count_tokens
from curator.contract.errors import UserError
from curator.contract.text import visible
from curator.tui import meanings
from curator.tui.background import in_background
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.messages import UserErrorRaised, WorkDone, WorkRefused
from curator.tui.panels import Panels
from curator.tui.screens.dialogs.questions import Form, FormLine, whole_number_of
from curator.tui.screens.images.picture import PictureScreen, ShownPicture
from curator.tui.text.recipe_form import remembered_recipe
from curator.tui.text.training_words import said_lines
from curator.tui.widgets.cells.batch_list import BatchList
from curator.tui.widgets.frame.chrome import Foot, TooSmall
from curator.tui.widgets.frame.panel_title import PanelTitle
from curator.tui.widgets.frame.tab_line import TabLine
from curator.tui.widgets.lists.line_list import LineList
from curator.tui.widgets.lists.lines import Lines
from curator.tui.widgets.preview import Preview

if TYPE_CHECKING:
    from PIL.Image import Image

    from curator.contract.recipe.recipe import Recipe
    from curator.freeze.caption_walk import CaptionWalk, SampleShown, StepShown
    from curator.session.session import Session
    from curator.session.training.manifests import FrozenManifest

_VIEWS = ("as trained", "crop outlined", "whole")
_GRID_FROM = 100  # columns
_OTHER = "-other"  # the batch is not shown as it is at first in this width


KEYS = (
    KeyAction("captions.next", "l,right,n", "step(1)", "next step", "next step"),
    KeyAction("captions.back", "h,left,N", "step(-1)", "previous step", "previous"),
    KeyAction("captions.next_epoch", "right_square_bracket", "epoch(1)", "next epoch", "epoch"),
    KeyAction("captions.last_epoch", "left_square_bracket", "epoch(-1)", "previous epoch"),
    KeyAction("captions.jump", "number_sign,ctrl+g", "jump", "jump to a step or an epoch", "jump"),
    KeyAction("captions.manifest", "m", "manifest", "another manifest", "manifest"),
    KeyAction("captions.plan", "b", "plan", "another seed or batch size", "seed, batch"),
    KeyAction("captions.grid", "i", "grid", "the batch as thumbnails, or as lines", "grid"),
    KeyAction("captions.crop", "c", "crop", "the image as trained, with its crop outlined, or whole", "crop"),
)


class _Loaded(NamedTuple):
    manifests: list[FrozenManifest]
    name: str
    walk: CaptionWalk


class CaptionsScreen(Screen):
    """A step's batch on the left, the image under the cursor on the right, its caption below."""

    BINDINGS = bindings(KEYS)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._name = ""
        self._manifests: list[FrozenManifest] = []
        self._walk: CaptionWalk | None = None
        self._shown: StepShown | None = None
        self._view = 0
        self._panels = Panels(self, (_OTHER,), session.memory.recall("captions_panels"))
        self._own: dict[str, int] = {}  # seed and batch size, where they are not the recipe's

    def compose(self) -> ComposeResult:
        yield TabLine("Captions")
        yield PanelTitle(id="about", of="#samples")
        yield Label("", id="plan", classes="quiet", markup=False)
        with Horizontal():
            yield BatchList(self._thumbnail, id="samples", empty=" no manifest yet: 4 freezes one")
            yield Preview()
        yield PanelTitle("Its caption")
        yield Lines(id="said")
        yield Foot()
        yield TooSmall()

    def on_mount(self) -> None:
        self.query_one(BatchList).focus()
        self._fit()

    def place(self) -> dict[str, object]:
        """What a restart should find again."""
        return {"captions_panels": self._panels.values()}

    def on_screen_resume(self) -> None:
        """There may be other manifests, or another recipe."""
        self._load(self._name or str(self._session.memory.recall("manifest", "")))

    def _load(self, name: str) -> None:
        in_background(self, "load", lambda: self._loaded(name), keys_wait=True)

    def _loaded(self, name: str) -> _Loaded | None:
        manifests = self._session.freezing.manifests()
        chosen = next((each for each in manifests if each.name == name), manifests[0] if manifests else None)
        if chosen is None:
            return None
        recipe = _changed(remembered_recipe(self._session), self._own)
        walk = self._session.captions.walk(chosen.path, recipe)
        walk.step(0)
        count_tokens("a")  # reads the vocabulary once, here
        return _Loaded(manifests, chosen.name, walk)

    def on_work_done(self, message: WorkDone) -> None:
        loaded = cast("_Loaded | None", message.result)
        if self._walk:
            self._walk.manifest.close()
        self._walk = loaded.walk if loaded else None
        if loaded is None:
            return
        is_same = loaded.name == self._name
        self._name, self._manifests = loaded.name, loaded.manifests
        self._go(self._shown.step if self._shown and is_same else 0, keep_sample=is_same)

    def on_work_refused(self, message: WorkRefused) -> None:
        self.post_message(UserErrorRaised(message.error))

    # what is seen

    def _go(self, step: int, *, keep_sample: bool = False) -> None:
        walk = self._walk
        if walk is None:
            return
        shown = self._shown = walk.step(max(0, min(walk.total_steps - 1, step)))
        self.query_one("#about", PanelTitle).say(_about(walk, shown))
        self.query_one("#plan", Label).update(_plan(self._name, walk, own=bool(self._own)), layout=False)
        self.query_one(BatchList).show_step(shown, None if keep_sample else 0)

    @property
    def current(self) -> SampleShown | None:
        """The sample under the cursor."""
        return self.query_one(BatchList).current

    def _thumbnail(self, sample: SampleShown) -> Image:
        """What trains of a sample, small; for a thread."""
        from curator.tui.drawing.pictures import as_trained  # Pillow: not before the first image

        whole = self._session.thumbnails.of_file(sample.file)
        return as_trained(whole, sample.placement, flip=sample.flip)

    @on(LineList.Moved, "#samples")
    def _look(self) -> None:
        sample = self.current
        said = self.query_one("#said", Lines)
        if sample is None:
            self.query_one(Preview).show(None)
            said.show([])
            return
        picture = self._picture(sample)
        preview = self.query_one(Preview)
        preview.show(picture.path, picture.placement, flip=picture.flip, cut=picture.cut)
        cut = Text(f" {_VIEWS[self._view]}: {_cut_in_words(sample)}", "italic")
        console = self.app.console
        said.draw(lambda size: [cut, *said_lines(sample.said, max(20, size.width - 1), console)])

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """Show the batch as this width showed it last: a wide one as thumbnails, unless it was told otherwise."""
        self._panels.fit()
        is_wide = self.app.size.width >= _GRID_FROM
        self.query_one(BatchList).show_grid(is_grid=is_wide != self.has_class(_OTHER))

    def action_grid(self) -> None:
        if self._wanted_walk:
            self._panels.toggle(_OTHER)
            self._fit()

    def _picture(self, sample: SampleShown) -> ShownPicture:
        title = f"{visible(sample.image.path)}  {visible(sample.said.caption)}"
        view = _VIEWS[self._view]
        placement = None if view == "whole" else sample.placement
        return ShownPicture(title, sample.file, placement, sample.flip, view == "as trained")

    # walking

    @property
    def _wanted_walk(self) -> CaptionWalk | None:
        """The steps of the manifest; where there is none it is said."""
        if self._walk is None:
            self.notify("No manifest yet: 4 freezes one.", markup=False)
        return self._walk

    def action_step(self, places: int) -> None:
        if self._wanted_walk and self._shown:
            self._go(self._shown.step + places)

    def action_epoch(self, places: int) -> None:
        walk, shown = self._wanted_walk, self._shown
        if walk and shown:
            self._go(walk.first_step(max(0, min(walk.total_epochs - 1, shown.epoch + places))))

    def action_jump(self) -> None:
        walk = self._wanted_walk
        if walk is None:
            return
        about = f"1 to {walk.total_steps:,}; or an epoch, 1 to {walk.total_epochs:,}: e3"
        form = Form(
            "Jump to", [FormLine("place", "step", "", about)], lambda values: walk.place(values["place"])
        )
        self.app.push_screen(form, lambda step: None if step is None else self._go(cast("int", step)))

    def action_manifest(self) -> None:
        names = [each.name for each in self._manifests]
        if len(names) == 1:
            self.notify("There is no other manifest.", markup=False)
        elif self._wanted_walk:
            self._load(names[(names.index(self._name) + 1) % len(names)])

    def action_crop(self) -> None:
        if self._wanted_walk:
            self._view = (self._view + 1) % len(_VIEWS)
            self._look()

    def action_plan(self) -> None:
        walk = self._wanted_walk
        if walk is None:
            return

        def check(values: Mapping[str, str]) -> dict[str, int]:
            own = {name: whole_number_of(values, name, name) for name in ("seed", "batch")}
            if own["batch"] < 1:
                raise UserError("the batch is empty", "give 1 or more")
            return own

        lines = [
            FormLine("seed", "seed", str(walk.seed), "only for looking: the recipe's stays"),
            FormLine(
                "batch", "batch size", str(walk.batch_size), "images of one step: size x accumulate x GPUs"
            ),
        ]
        self.app.push_screen(Form("Look at another plan", lines, check), self._look_at)

    def _look_at(self, own: object) -> None:
        if own is not None:
            self._own = cast("dict[str, int]", own)
            self._load(self._name)

    @on(LineList.Chosen, "#samples")
    def _enlarge(self) -> None:
        here = self.query_one(BatchList)
        samples = here.samples
        self.app.push_screen(
            PictureScreen(len(samples), lambda at: self._picture(samples[at]), here.cursor),
            lambda last: here.go(last or 0),
        )


def _cut_in_words(sample: SampleShown) -> str:
    wide, high = sample.image.size
    scaled, (left, top, right, bottom) = sample.placement.resized, sample.placement.crop
    cut = f"cut to {right - left}x{bottom - top} at {left},{top}"
    subset = visible(sample.subset.name)
    return f"{wide}x{high}, scaled to {scaled[0]}x{scaled[1]}, {cut}{', mirrored' if sample.flip else ''}; {subset}"


def _changed(recipe: Recipe, own: Mapping[str, int]) -> Recipe:
    if not own:
        return recipe
    return replace(recipe, seed=own["seed"], batch=replace(recipe.batch, size=own["batch"], accumulate=1))


def _about(walk: CaptionWalk, shown: StepShown) -> Text:
    text = Text(f"step {shown.step + 1:,} of {walk.total_steps:,}")
    epoch = (
        f"epoch {shown.epoch + 1:,} of {walk.total_epochs:,}, batch {shown.index + 1:,} of {shown.batches:,}"
    )
    bucket = f"{shown.bucket[0]}x{shown.bucket[1]}"
    return text.append(f"   {epoch}   bucket {bucket}", f"not bold {meanings.QUIET}")


def _plan(name: str, walk: CaptionWalk, *, own: bool) -> str:
    plan = "not the recipe's" if own else "of the recipe"
    return f" seed {walk.seed}, batch {walk.batch_size} ({plan})   {visible(name)}"
