"""Modules of a model by the names that adapter files have for them, and where a single file keeps their weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from train.weights.folder_names import THIRDS, UNET_PREFIX
from train.weights.ldm_names import places_of, plan_of_originals
from train.weights.open_clip_names import PROJECTION, modules_at
from train.weights.text_places import TEXT_PLACES, TextPlace

Shape = tuple[int, ...]
_WEIGHT, _FUSED = ".weight", "in_proj_weight"
_TEXT_MODEL = "text_model."


@dataclass(frozen=True)
class Site:
    """One module. `tensor` holds its weight, in the original layout; `bias` its bias, if it has one.

    `form`: the weight as it is, a third of a matrix that holds query, key and value, or turned. `path` is diffusers',
    `original` the original layout's own; both begin with the part. `shape` is the weight's.
    """

    name: str
    tensor: str
    bias: str
    path: str
    original: str
    part: Literal["unet", "text1", "text2"]
    shape: Shape
    form: Literal["plain", "q", "k", "v", "turned"] = "plain"

    def within(self, tensor: Tensor) -> Tensor:
        """The module's own numbers in the tensor that holds them; of a bias too. A view."""
        if self.form in THIRDS:
            return tensor.chunk(3)[THIRDS.index(self.form)]
        return tensor.T if self.form == "turned" and tensor.dim() == 2 else tensor


class Sites:
    """All modules of a model of one family, by any name that files may have for them."""

    def __init__(self, shapes: Mapping[str, Shape], family: str) -> None:
        self.family = family
        self.all = tuple(_sites(shapes, family))
        self._by_name: dict[str, Site] = {}
        for site in self.all:
            for name in _names_of(site):
                self._by_name[name] = site

    @property
    def encoders(self) -> int:
        return len(TEXT_PLACES[self.family])

    def get(self, name: str) -> Site | None:
        """The module that a file calls so, under kohya's names, after diffusers or after the original layout."""
        return self._by_name.get(name)


def _names_of(site: Site) -> tuple[str, ...]:
    prefix = site.name.split("_")[1] if site.part == "unet" else site.name.split("_", 2)[1]
    start = f"lora_{prefix}_"
    inner = (path.partition(".")[2] for path in (site.path, site.original))
    found = tuple(start + path.replace(".", "_") for path in inner)
    # A projection lies beside `text_model`, and some name it as if it lay within.
    return (
        (site.name, *found, f"{start}text_model_{PROJECTION}")
        if site.form == "turned"
        else (site.name, *found)
    )


def _sites(shapes: Mapping[str, Shape], family: str) -> Iterator[Site]:
    unet = [name.removeprefix(UNET_PREFIX) for name in shapes if name.startswith(UNET_PREFIX)]
    paths = {there: here for here, there in places_of(plan_of_originals(unet)).items()}
    for name, shape in shapes.items():
        if name.startswith(UNET_PREFIX) and name.endswith(_WEIGHT):
            yield _unet_site(name, shape, shapes, paths, by_original=family == "sdxl")
    for number, place in enumerate(TEXT_PLACES[family]):
        start = "lora_te" if len(TEXT_PLACES[family]) == 1 else f"lora_te{number + 1}"
        for name in shapes:
            if name.startswith(place.prefix):
                yield from _text_sites(name, shapes, place, start)


def _unet_site(
    name: str, shape: Shape, shapes: Mapping[str, Shape], paths: Mapping[str, str], *, by_original: bool
) -> Site:
    """kohya names the modules of SDXL after the original layout, and those of others after diffusers."""
    original = name.removeprefix(UNET_PREFIX).removesuffix(_WEIGHT)
    path = _translated(original, paths)
    called = (original if by_original else path).replace(".", "_")
    return Site(
        name=f"lora_unet_{called}",
        tensor=name,
        bias=_bias_of(name, shapes),
        path=f"unet.{path}",
        original=f"unet.{original}",
        part="unet",
        shape=shape,
    )


def _translated(original: str, paths: Mapping[str, str]) -> str:
    """diffusers' path of a module; the longest start that is known counts."""
    parts = original.split(".")
    for count in range(len(parts), 0, -1):
        if (found := paths.get(".".join(parts[:count]))) is not None:
            return ".".join([found, *parts[count:]])
    return original


def _text_sites(name: str, shapes: Mapping[str, Shape], place: TextPlace, start: str) -> Iterator[Site]:
    inner = name.removeprefix(place.prefix)
    if place.style == "open_clip":
        modules = modules_at(inner)
    elif inner.endswith(_WEIGHT):
        modules = ((inner.removeprefix(_TEXT_MODEL).removesuffix(_WEIGHT), "plain"),)
    else:
        modules = ()
    for module, form in modules:
        path = module if module == PROJECTION else _TEXT_MODEL + module
        yield Site(
            name=f"{start}_{path.replace('.', '_')}",
            tensor=name,
            bias=_bias_of(name, shapes),
            path=f"{place.folder}.{path}",
            original=f"{place.folder}.{path}",
            part="text2" if start == "lora_te2" else "text1",
            shape=_shape_of(shapes[name], form),
            form=form,
        )


def _shape_of(shape: Shape, form: str) -> Shape:
    if form in THIRDS:
        return (shape[0] // 3, *shape[1:])
    return shape[::-1] if form == "turned" else shape


def _bias_of(name: str, shapes: Mapping[str, Shape]) -> str:
    bias = (
        name.removesuffix(_FUSED) + "in_proj_bias"
        if name.endswith(_FUSED)
        else name.removesuffix(_WEIGHT) + ".bias"
    )
    return bias if bias in shapes else ""
