"""What may stand where the cursor is, by what the help says stands there: a FILTER, a TAG, a RUN, ..."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from curator.contract.text import counted, visible

if TYPE_CHECKING:
    from curator.session.images.names import Names

_MOST = 100  # more are no help
_LAST_WORD = re.compile(r"(.*?[\s(])?(-?)([^\s(]*)", re.DOTALL)


class Candidate(NamedTuple):
    """A word that may stand there, and a few words about it."""

    value: str
    help: str = ""


class _Asked(NamedTuple):
    """What is being completed: in which collection (None: the one around), and what is typed so far."""

    folder: Path | None
    typed: str


def candidates(
    parameter: Any, command: tuple[str, str], collection: Path | None, typed: str
) -> list[Candidate] | None:
    """Words for an argument or option (built by Typer) of a `command`, its noun and verb; None: nothing is known."""
    noun, verb = command
    word = (parameter.metavar or "").strip("[].")
    own = (f"{noun} {verb} {name}" for name in parameter.opts)
    kinds = (*own, *(f"{noun} {name}" for name in parameter.opts), *parameter.opts, f"{noun} {word}", word)
    find = next((_KINDS[kind] for kind in kinds if kind in _KINDS), None)
    if find is None:
        return None
    found = (each for each in find(_Asked(collection, typed)) if _can_be_typed(each.value))
    return [each for each in found if each.value.startswith(typed)][:_MOST]


def _can_be_typed(word: str) -> bool:
    """Control characters are never put into a command line."""
    return visible(word) == word


def _filter(asked: _Asked) -> Iterable[Candidate]:
    """The last word of a filter: a field, a value of one, or a tag."""
    from curator.filter.language.fields import FIELDS, UNTAGGED

    split = _LAST_WORD.fullmatch(asked.typed)
    before, minus, word = split.groups(default="") if split else ("", "", asked.typed)
    key, colon, value = word.partition(":")
    if colon:
        found = [Candidate(f"{key}:{each}") for each in _values_of(asked, key.lower(), value)]
    else:
        fields = [Candidate(f"{name}:", each.help) for name, each in FIELDS.items() if "(" not in name]
        found = [*fields, Candidate(UNTAGGED, "images without a tag"), *_tags_of_filter(asked, word)]
    for each in found:
        yield Candidate(f"{before}{minus}{each.value}", each.help)


def _values_of(asked: _Asked, key: str, value: str) -> list[str]:
    from curator.filter.language.fields import CLASSES, FIELDS, SORTS

    if key == "sort":
        return [f"{sign}{name}" for name in SORTS for sign in ("", "-")]
    if key == "tag" or key in CLASSES:
        return [each.value for each in _tags_of_filter(asked, value)]
    with _names(asked) as names:
        known: dict[str, Callable[[], Iterable[str]]] = {
            "subset": lambda: (each.name for each in names.subsets()),
            "saved": lambda: (each.name for each in names.filters()),
            "picked": names.picks,
        }
        if key in known:
            return [word for word in known[key]() if _is_one_word(word)]
    return list(FIELDS[key].words) if key in FIELDS else []


def _tags_of_filter(asked: _Asked, word: str) -> list[Candidate]:
    """Tags as a filter writes them without quotes: an underscore is a space."""
    with _names(asked) as names:
        found = names.find_tags(word, _MOST)
    written = ((tag.name.replace(" ", "_"), tag) for tag, _ in found)
    return [
        Candidate(name, f"{tag.cls}, {counted(tag.count)}") for name, tag in written if _is_one_word(name)
    ]


def _is_one_word(text: str) -> bool:
    """Whether a filter takes it for one word that stands for itself."""
    from curator.filter.language.tokens import tokens

    try:
        word, *rest = tokens(text)
    except Exception:  # noqa: BLE001  (what the filter refuses is no candidate)
        return False
    return len(rest) == 1 and (word.kind, word.text, word.key) == ("word", text, "")


def _tags(asked: _Asked) -> Iterable[Candidate]:
    with _names(asked) as names:
        found = names.find_tags(asked.typed, _MOST)
    return [Candidate(tag.name, f"{tag.cls}, {counted(tag.count)}") for tag, _ in found]


def _subsets(asked: _Asked) -> Iterable[Candidate]:
    with _names(asked) as names:
        return [Candidate(each.name, each.filter) for each in names.subsets()]


def _saved_filters(asked: _Asked) -> Iterable[Candidate]:
    with _names(asked) as names:
        return [Candidate(each.name, each.filter) for each in names.filters()]


def _runs(asked: _Asked) -> Iterable[Candidate]:
    from curator.cli.options.places import runs_of

    return [Candidate(run.name, run.status) for run in runs_of(asked.folder).all()]


def _manifests(asked: _Asked) -> Iterable[Candidate]:
    from curator.cli.options.places import manifests_of

    found = manifests_of(asked.folder).all()
    return [Candidate(each.path.stem, f"{counted(each.images)}") for each in found]


def _reported_on(asked: _Asked) -> Iterable[Candidate]:
    return [*_runs(asked), *_manifests(asked)]


def _recipes(_: _Asked) -> Iterable[Candidate]:
    from curator.contract.recipe.presets import presets

    return [Candidate(name, about) for name, about in presets().items()]


def _recipe_keys(_: _Asked) -> Iterable[Candidate]:
    from curator.contract.recipe.fields import recipe_fields

    return [Candidate(f"{name}=", info.help) for name, info in recipe_fields().items()]


def _models(_: _Asked) -> Iterable[Candidate]:
    from curator.contract.tagging.zoo import models

    return [Candidate(name, model.row.kind) for name, model in models().items()]


def _statuses(_: _Asked) -> Iterable[Candidate]:
    from curator.runs.listing import STATUSES

    return [Candidate(status) for status in STATUSES]


def _classes(_: _Asked) -> Iterable[Candidate]:
    from curator.filter.language.fields import CLASSES

    return [Candidate(name) for name in CLASSES]


def _derived(_: _Asked) -> Iterable[Candidate]:
    from curator.session.images.rules import Rules

    return map(Candidate, Rules.derived_kinds())


def _rules(_: _Asked) -> Iterable[Candidate]:
    from curator.session.images.rules import Rules

    return map(Candidate, Rules.all())


def _layouts(_: _Asked) -> Iterable[Candidate]:
    from curator.session.images.exchange import Exchange

    return [Candidate(*each) for each in Exchange.layouts().items()]


def _numbers(_: _Asked) -> Iterable[Candidate]:
    from curator.session.images.images import Images

    return map(Candidate, Images.spread_fields())


def _best(_: _Asked) -> Iterable[Candidate]:
    from curator.session.images.copies import Copies

    return map(Candidate, Copies.usual_orders())


def _orders(_: _Asked) -> Iterable[Candidate]:
    from curator.select.rules import ORDERS

    return map(Candidate, ORDERS)


def _words_of(module: str, name: str) -> Callable[[_Asked], Iterable[Candidate]]:
    """The words that a module of the contract has under a name, read when they are asked for."""

    def words(_: _Asked) -> Iterable[Candidate]:
        return map(Candidate, getattr(import_module(f"curator.contract.{module}"), name))

    return words


def _groups(asked: _Asked) -> Iterable[Candidate]:
    from curator.session.images.names import tag_groups

    with _names(asked) as names:
        return [Candidate(name, ", ".join(patterns)) for name, patterns in tag_groups(names).items()]


def _merges(_: _Asked) -> Iterable[Candidate]:
    from curator.contract.merging.recipe import merge_presets

    return [Candidate(name, about) for name, about in merge_presets().items()]


def _choices_of(module: str, name: str) -> Callable[[_Asked], Iterable[Candidate]]:
    """The words of a type of the contract that is one of some."""

    def words(_: _Asked) -> Iterable[Candidate]:
        return map(Candidate, get_args(getattr(import_module(f"curator.contract.{module}"), name)))

    return words


@contextmanager
def _names(asked: _Asked) -> Generator[Names]:
    from curator.cli.options.places import opened_names

    with opened_names(asked.folder) as names:
        yield names


_KINDS: dict[str, Callable[[_Asked], Iterable[Candidate]]] = {
    "FILTER": _filter,
    "TAG": _tags,
    "OLD": _tags,
    "NEW": _tags,
    "subset NAME": _subsets,
    "filter NAME": _saved_filters,
    "models MODEL": _models,
    "RUN": _runs,
    "MANIFEST": _manifests,
    "RUN|MANIFEST": _reported_on,
    "RECIPE": _recipes,
    "--recipe": _recipes,
    "KEY=VALUE": _recipe_keys,
    "STATUS": _statuses,
    "CLASS": _classes,
    "freeze SUBSET": _subsets,
    "propose MODEL": _models,
    "FAMILY": _words_of("base_model.family", "FAMILIES"),
    "facets FIELD": _numbers,
    "import LAYOUT": _layouts,
    "pick ORDER": _orders,
    "dupes ORDER": _best,
    "tag KIND": _derived,
    "tag RULE": _rules,
    "tag GROUP": _groups,
    "model --dtype": _choices_of("low_rank", "Number"),
    "model merge --dtype": _choices_of("merging.recipe", "StoredAs"),
    "model bake --dtype": _choices_of("merging.adapters", "BakedAs"),
    "model merge --method": _words_of("merging.recipe", "METHODS"),
    "model merge --recipe": _merges,
    "model extract --kind": _choices_of("low_rank", "ExtractKind"),
    "model --ema": _choices_of("merging.adapters", "Averages"),
    "model --style": _choices_of("merging.adapters", "Style"),
    "--crop": _words_of("buckets", "CROP_MODES"),
    "--mask": _words_of("manifest.header", "MASK_MODES"),
    "--resample": _words_of("buckets", "RESAMPLES"),
    "--crop-inputs": _words_of("buckets", "CROP_INPUTS"),
    "--convention": _words_of("merging.recipe", "CONVENTIONS"),
}
