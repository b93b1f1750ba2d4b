"""Sections that hold only where they are chosen: keys of the others are refused, and rules for modules are checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.errors import UserError, did_you_mean
from curator.contract.recipe.adapter import Adapter
from curator.contract.recipe.adapter_rules import NONE, AdapterRule
from curator.contract.recipe.fields import Need, active_fields, checked, recipe_fields, value_of
from curator.contract.recipe.knobs import ANY_CLASS, is_class_name

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe

_RULE_KEYS = ("rank", "alpha", "rank_stabilized")
_RATE = "lr"


class IdleKey(NamedTuple):
    """A key that would have no effect: why, as the end of a sentence, and what would make it hold."""

    key: str
    why: str
    hint: str


def check_rules(recipe: Recipe, source: str) -> None:
    """Refuse an adapter's rules that say what no module takes, and ranks that its kind cannot have.

    Raises:
        UserError: names the rule or key, and what it takes.
    """
    if recipe.trains == "adapter":
        for rule in recipe.adapter.parsed_rules:
            _check_rule(recipe.adapter, rule, source)
        _check_units(recipe.adapter, source)


def idle_in_sections(recipe: Recipe, given: frozenset[str]) -> Iterator[IdleKey]:
    """The keys in `given` that belong to what is not chosen. Complete recipes hold the defaults of everything."""
    active = set(active_fields(recipe))
    for name in sorted(given - active):
        info = recipe_fields()[name]
        if value_of(recipe, name) != info.default:
            need = next(need for need in info.needs if not _holds(recipe, need))
            yield IdleKey(name, f": {need.key} is '{value_of(recipe, need.key)}'", _hint(name, need, active))
    if recipe.trains == "adapter":
        yield from _unused(recipe.adapter, given)


def _holds(recipe: Recipe, need: Need) -> bool:
    if need.key == "adapter.kind":
        return not recipe.adapter.active.isdisjoint(need.values)
    value = str(value_of(recipe, need.key))
    return (ANY_CLASS if is_class_name(value) else value) in need.values


def _hint(name: str, need: Need, active: set[str]) -> str:
    """Of a key that several share: where what is chosen has one of that name of its own, that one is meant."""
    above, _, leaf = name.rpartition(".")
    room = need.key.rpartition(".")[0]
    own = sorted(each for each in active if each.startswith(f"{room}.") and each.endswith(f".{leaf}"))
    if own and above == room:
        return f"set {own[0]}, and leave it out"
    values = [f"'{value}'" for value in need.values]
    return f"set {need.key} = {' or '.join(values)}, or leave it out"


def _unused(adapter: Adapter, given: frozenset[str]) -> Iterator[IdleKey]:
    """Keys all kinds share but for those that say they do not."""
    for key in unused_keys(adapter):
        name = f"adapter.{key}"
        if name in given and getattr(adapter, key) != recipe_fields()[name].default:
            yield IdleKey(name, f" on {' and '.join(sorted(adapter.active))}", "leave it out")


def unused_keys(adapter: Adapter) -> list[str]:
    """The keys of `[adapter]` that none of its kinds obeys."""
    ignored = [set(getattr(adapter, kind).unused) for kind in adapter.active]
    return sorted(set.intersection(*ignored))


def _check_rule(adapter: Adapter, rule: AdapterRule, source: str) -> None:
    where = f"{source}: adapter.rules, '{rule.pattern}'"
    kind = rule.values.get("kind", adapter.kind)
    if kind != NONE and kind not in recipe_fields()["adapter.kind"].choices:
        raise UserError(
            f"{where}: no kind is called '{kind}'",
            did_you_mean(str(kind), [NONE, *recipe_fields()["adapter.kind"].choices]),
        )
    for key, value in rule.values.items():
        if key == "kind":
            continue
        known = rule_keys(str(kind))
        if key not in known:
            raise UserError(f"{where}: {key} would have no effect", did_you_mean(key, known))
        checked(recipe_fields()[known[key]], value, where)


def rule_keys(kind: str) -> dict[str, str]:
    """What a rule may set for modules of `kind`: its own word -> the recipe's key that says what it takes."""
    if kind == NONE:
        return {}
    unused = getattr(Adapter(), kind).unused
    shared = {key: f"adapter.{key}" for key in _RULE_KEYS if key not in unused}
    own = {
        name.rpartition(".")[2]: name
        for name, info in recipe_fields().items()
        if info.section == f"adapter.{kind}"
    }
    return {_RATE: "optimizer.unet_lr", **shared, **own}


def _check_units(adapter: Adapter, source: str) -> None:
    if adapter.kind != "dylora":
        return
    for key, rank in (("rank", adapter.rank), ("conv_rank", adapter.conv_rank)):
        if rank % adapter.dylora.unit:
            raise UserError(
                f"{source}: adapter.{key} is {rank}, and is trained {adapter.dylora.unit} ranks at once",
                "make it a multiple of adapter.dylora.unit",
            )
