"""Plan of a grid: every cell with the weights it needs, and which images are still to be made."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from curator.contract.base_model.fingerprint import fingerprint_of_files, model_files
from curator.contract.errors import UserError
from curator.contract.grid.job import GridImage, GridJob, made_image, name_of
from curator.contract.grid.spec import ALL_STEPS, LAST_STEP, OF_LINES, GridSpec, Value
from curator.contract.prompts.lines import PromptDoubt, ReadPrompt, read_line
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import dump_recipe, load_recipe, with_values
from curator.contract.text import visible
from curator.runs.grids.grid_file import AxisLabels, GridCell, GridFile, cell_name, read_grid_file
from curator.runs.launch import check_models
from curator.runs.programs.samples import Adapters, saved_weights, with_weights

if TYPE_CHECKING:
    from curator.contract.run.run_folder import RunFolder

FindRun = Callable[[str], "RunFolder"]
_STEMS = ("model", "vae")
_WORDS = {"ratio": "ratio ", "step": "step ", "seed": "seed ", "scale": "scale ", "clip_skip": "clip skip "}


@dataclass(frozen=True)
class GridPlan:
    """A grid to be made: `models` as recipes, and what is doubtful in its prompts and models."""

    grid: GridFile
    models: tuple[str, ...]
    doubts: tuple[PromptDoubt, ...]

    @property
    def images(self) -> list[GridImage]:
        """Every image once, those of one model together, and of those the ones with the same adapters."""
        by_name = {cell.image.name: cell.image for cell in self.grid.cells}
        first_of: dict[object, int] = {}
        for each in by_name.values():
            first_of.setdefault((each.model, each.adapters), len(first_of))
        return sorted(by_name.values(), key=lambda each: (each.model, first_of[each.model, each.adapters]))

    def missing(self, folder: Path) -> list[GridImage]:
        """The images that are not there yet, in the order in which they are made."""
        return [each for each in self.images if made_image(folder, each.name) is None]

    def job(self, images: Iterable[GridImage], folder: Path) -> GridJob:
        return GridJob(self.models, tuple(images), str(folder.absolute()))


class _Weights(NamedTuple):
    """What an image is made with: a recipe that names the model, and adapters on it."""

    recipe: Recipe
    adapters: Adapters

    @property
    def model(self) -> Recipe:
        """The recipe without what may differ between images of one loaded model."""
        return replace(self.recipe, model=replace(self.recipe.model, clip_skip=1))


def plan_grid(spec: GridSpec, find_run: FindRun) -> GridPlan:
    """The plan of `spec`; `find_run` gives runs by name.

    Raises:
        UserError: a model, run, step or adapter is not there, or a setting would have no effect.
    """
    weights = _WeightsOf(spec, find_run)
    if spec.values.get("step") == (ALL_STEPS,):
        spec = spec.with_steps(weights.common_steps())
    prompts, doubts = _read_prompts(spec)
    models: dict[str, int] = {}
    names: list[str] = []
    cells: list[GridCell] = []
    pages = len(spec.axes[2].values) if len(spec.axes) > 2 else 1
    identity = cache(_identity)  # a large grid names few files
    for at, settings in spec.settings():
        found = weights.of(settings)
        toml = dump_recipe(found.model)
        if toml not in models:
            models[toml] = len(models)
            names.append(found.recipe.model.path)
        read = prompts[str(settings["prompt"])]
        image = _image(settings, read, found, models[toml], identity(found.model, found.adapters))
        cells.append(GridCell(cell_name(at, pages), at, image))
    _check_axes(spec, cells)
    axes = tuple(AxisLabels(axis.place, axis.name, labels_of(axis.name, axis.values)) for axis in spec.axes)
    grid = GridFile(visible(spec.title or Path(spec.source).stem), axes, tuple(names), tuple(cells))
    return GridPlan(grid, tuple(models), (*doubts, *weights.doubts))


def _check_axes(spec: GridSpec, cells: list[GridCell]) -> None:
    """Refuse an axis along which no image changes."""
    for number, axis in enumerate(spec.axes):
        images: dict[tuple[int, ...], set[str]] = {}
        for cell in cells:
            others = cell.at[:number] + cell.at[number + 1 :]
            images.setdefault(others, set()).add(cell.image.name)
        if len(axis.values) > 1 and all(len(each) == 1 for each in images.values()):
            raise UserError(
                f"{spec.source}: {axis.name} would have no effect: its values give the same images",
                "leave it out, or name what it is of",
            )


def changes(plan: GridPlan, folder: Path) -> Counter[str]:
    """Settings of cells that have the labels they had before and another image, with the count of such cells."""
    found: Counter[str] = Counter()
    try:
        before = read_grid_file(folder)
    except UserError:  # there is none; one that is damaged is written anew
        return found
    known = {before.labels(cell): cell.image for cell in before.cells}
    for cell in plan.grid.cells:
        was = known.get(plan.grid.labels(cell))
        if was and was.name != cell.image.name:
            found.update(_differences(was, before.models, cell.image, plan.grid.models))
    return found


def _differences(
    was: GridImage, before: tuple[str, ...], image: GridImage, now: tuple[str, ...]
) -> list[str]:
    old, new = vars(was) | {"model": before[was.model]}, vars(image) | {"model": now[image.model]}
    differ = [name for name in old if name != "name" and old[name] != new[name]]
    return differ or ["the file of the model or of an adapter"]


class _WeightsOf:
    """The weights of settings; files are looked at once."""

    def __init__(self, spec: GridSpec, find_run: FindRun) -> None:
        self._spec = spec
        self.doubts: list[PromptDoubt] = []
        self._saved = cache(lambda name: saved_weights(find_run(name)))
        self._recipe = cache(lambda name: load_recipe(find_run(name).recipe_path))
        self._checked: set[str] = set()

    def common_steps(self) -> tuple[int, ...]:
        """The steps after which all runs of the spec have written weights."""
        runs = [str(each) for each in self._spec.values["run"]]
        steps = set.intersection(*({step for step, _ in self._saved(run)} for run in runs))
        if not steps:
            raise UserError(
                f"the runs {', '.join(runs)} have no step in common", "name the steps, or one run alone"
            )
        return tuple(sorted(steps))

    def of(self, settings: Mapping[str, Value]) -> _Weights:
        ratio = float(cast("float", settings.get("ratio", 1.0)))
        if "run" in settings:
            recipe, trained = self._of_run(str(settings["run"]), settings.get("step", LAST_STEP), ratio)
            ratio = 1.0
        else:
            recipe, trained = with_values(Recipe(), {"model.path": self._place(str(settings["model"]))}), ()
        if settings.get("vae"):
            recipe = with_values(recipe, {"model.vae": self._place(str(settings["vae"]))})
        if "weighted_prompts" in settings:
            recipe = with_values(recipe, {"text.weighted_captions": settings["weighted_prompts"]})
        chosen = cast("tuple[str, ...]", settings.get("adapter", ()))
        adapters = (*trained, *(self._adapter(text, ratio) for text in chosen))
        if recipe.model.path not in self._checked:
            self._checked.add(recipe.model.path)
            self.doubts += [PromptDoubt(*doubt) for doubt in check_models(recipe)]
        return _Weights(recipe, adapters)

    def _of_run(self, name: str, step: Value, ratio: float) -> tuple[Recipe, Adapters]:
        recipe, saved = self._recipe(name), self._saved(name)
        steps = sorted({each for each, _ in saved})
        wanted = steps[-1] if step == LAST_STEP else step
        path = next((path for each, path in saved if each == wanted), None)
        if path is None:
            raise UserError(
                f"the run {name} has no weights of step {wanted}", f"there are {', '.join(map(str, steps))}"
            )
        if not path.exists():
            raise UserError(f"the weights {path} are gone", "choose other steps")
        if recipe.trains != "adapter" and ratio != 1.0:
            raise UserError(
                f"{self._spec.source}: ratio would have no effect on {name}, which trained no adapter",
                "leave it out",
            )
        recipe, adapters = with_weights(recipe, path, ratio)
        plain = Recipe(model=recipe.model, text=recipe.text)
        if recipe.trains == "embeddings":
            plain = replace(plain, trains="embeddings", embeddings=recipe.embeddings)
        return plain, adapters

    def _place(self, name: str) -> str:
        """Files are named from the spec's folder; a hub's names stay."""
        path = self._spec.folder / Path(name).expanduser()
        return str(path.absolute()) if path.exists() else name

    def _adapter(self, text: str, ratio: float) -> tuple[str, float]:
        """A file, with the ratio behind its @ or `ratio`; a file may have an @ in its name."""
        name, at, own = text.rpartition("@")
        if at and not (self._spec.folder / Path(text).expanduser()).is_file():
            try:
                text, ratio = name, float(own)
            except ValueError:
                ratio = math.nan
            if not math.isfinite(ratio):
                raise UserError(
                    f"{self._spec.source}: adapter '{text}': '{own}' is no ratio", "write FILE@RATIO"
                )
        path = self._spec.folder / Path(text).expanduser()
        if not path.is_file():
            raise UserError(f"there is no adapter at {path}", "give a .safetensors file")
        return str(path.absolute()), ratio


def _identity(recipe: Recipe, adapters: Adapters) -> list[object]:
    """What images depend on of a model and of adapters: the contents of files, wherever they lie and are called."""
    files = {
        "model.path": recipe.model.path,
        "model.vae": recipe.model.vae,
        "embeddings.start": recipe.embeddings.start,
    }
    here = {name: path for name, path in files.items() if path and Path(path).exists()}
    others = with_values(recipe, dict.fromkeys(here, ""))
    contents = {name: _fingerprint(path) for name, path in here.items()}
    return [dump_recipe(others), contents, [(_fingerprint(path), ratio) for path, ratio in adapters]]


def _fingerprint(path: str) -> str:
    return fingerprint_of_files([model_files(Path(path))])


def _read_prompts(spec: GridSpec) -> tuple[dict[str, ReadPrompt], list[PromptDoubt]]:
    axes = {axis.name for axis in spec.axes if len(axis.values) > 1}
    found: dict[str, ReadPrompt] = {}
    doubts: list[PromptDoubt] = []
    for number, line in enumerate(spec.values["prompt"], 1):
        where = f"{spec.source}: prompt {number}"
        read = found[str(line)] = read_line(str(line), where)
        doubts += read.doubts
        given = read.prompt.given()
        if clash := next((name for name in axes if OF_LINES.get(name) in given), None):
            raise UserError(
                f"{where} says its own {clash}, of which the grid has several",
                "take the option out of the prompt",
            )
    return found, doubts


def _image(
    settings: Mapping[str, Value], read: ReadPrompt, weights: _Weights, model: int, identity: list[object]
) -> GridImage:
    usual = Recipe().sample
    defaults: dict[str, Value] = {
        "negative": usual.negative, "seed": usual.seed, "steps": usual.steps, "scale": usual.cfg,
        "sampler": usual.sampler, "width": 0, "height": 0,
    }  # fmt: skip
    line = read.prompt.given()
    chosen = {known: line.get(known, settings.get(name, defaults[name])) for name, known in OF_LINES.items()}
    chosen["scale"] = float(cast("float", chosen["scale"]))
    clip_skip = settings.get("clip_skip", weights.recipe.model.clip_skip)
    image = GridImage(
        name="",
        model=model,
        adapters=weights.adapters,
        clip_skip=cast("int", clip_skip),
        prompt=read.prompt.prompt,
        **chosen,  # pyright: ignore[reportArgumentType]  (each by its reader)
    )
    own = {name: value for name, value in vars(image).items() if name not in ("name", "model", "adapters")}
    return replace(image, name=name_of([own, *identity]))


def labels_of(name: str, values: tuple[Value, ...]) -> tuple[str, ...]:
    """A label for each value of a setting: files without their folders, unless two would be called alike."""
    short = tuple(_label(name, value, short=True) for value in values)
    if len(set(short)) == len(short):
        return short
    return tuple(_label(name, value, short=False) for value in values)


def _label(name: str, value: Value, *, short: bool) -> str:
    if isinstance(value, tuple):
        names = [Path(each).name.replace(".safetensors", "") if short else each for each in value]
        return visible(" + ".join(names)) or "no adapter"
    if name in _STEMS and isinstance(value, str):
        return visible(Path(value).name if short else value) or f"its own {name}"
    if isinstance(value, bool):
        return "weighted" if value else "plain"
    said = f"{value:g}" if isinstance(value, float) else str(value)
    if name in ("width", "height", "steps"):
        return f"{said} steps" if name == "steps" else f"{name} {said}"
    return visible(f"{_WORDS.get(name, '')}{said}") or f"no {name}"
