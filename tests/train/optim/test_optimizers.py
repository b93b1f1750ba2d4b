"""Every optimiser steps, resumes bit for bit, and says truly what it is (S052, S053, S073)."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from curator.contract.errors import UserError
from curator.contract.recipe.optimizer import OPTIMIZERS, Optimizer
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import load_recipe, with_values
from train.optim import packages
from train.optim.optimizers import averages, check_optimizer, make_optimizer, rates_of, set_rates
from train.optim.table import ROWS
from train.trained.optimizer_average import averaged
from train.trained.trained import WeightGroup

OPTIONAL = ("bitsandbytes", "came_pytorch", "dadaptation", "lion_pytorch", "prodigyopt", "schedulefree")
ONE_RATE = sorted(name for name, facts in OPTIMIZERS.items() if facts.one_rate)
AVERAGING = sorted(name for name, facts in OPTIMIZERS.items() if facts.averages)


@pytest.fixture(autouse=True)
def _packages() -> None:
    for package in OPTIONAL:
        pytest.importorskip(package, reason="the optimizers extra is not installed")


def knobs_of(name: str, **values: object) -> Optimizer:
    made = {f"optimizer.{key.replace('__', '.')}": value for key, value in values.items()}
    return with_values(Recipe(), {"optimizer.name": name, **made}).optimizer


class Model:
    """A matrix and a vector that shall become others; gradients are their way there, and never the same twice."""

    def __init__(self, name: str, side: int = 128, **values: object) -> None:
        draw = torch.Generator().manual_seed(1)
        self.weights = [
            nn.Parameter(torch.randn(*shape, generator=draw)) for shape in ((side, side), (side,))
        ]
        self.aims = [torch.randn(weight.shape, generator=draw) for weight in self.weights]
        facts = OPTIMIZERS.get(name)
        self.rate = 1.0 if facts and facts.owns_rate else 1e-2
        groups = [
            WeightGroup(word, self.rate, (each,))
            for word, each in zip(("unet", "text"), self.weights, strict=True)
        ]
        self.optimizer = make_optimizer(knobs_of(name, **values), groups)

    def step(self, number: int) -> None:
        draw = torch.Generator().manual_seed(number)
        for weight, aim in zip(self.weights, self.aims, strict=True):
            weight.grad = weight.detach() - aim + 0.1 * torch.randn(weight.shape, generator=draw)
        set_rates(self.optimizer, 1.0)
        self.optimizer.step()

    def distance(self) -> float:
        pairs = zip(self.weights, self.aims, strict=True)
        return float(sum((weight.detach() - aim).square().sum() for weight, aim in pairs))

    def state_bytes(self, weight: nn.Parameter) -> int:
        """Of tensors of its own: 8-bit optimisers share one table of 256 numbers."""
        state = {key: each for key, each in self.optimizer.state[weight].items() if torch.is_tensor(each)}
        return sum(each.nbytes for key, each in state.items() if not key.startswith("qmap"))


def test_every_name_has_a_row() -> None:
    assert set(ROWS) == set(OPTIMIZERS)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_each_steps_and_resumes_bit_for_bit(name: str) -> None:
    """S073, S079: it comes nearer; 24 steps equal 12, a file that torch alone reads, and 12 more."""
    whole = Model(name)
    before = whole.distance()
    for number in range(24):
        whole.step(number)
    first = Model(name)
    for number in range(12):
        first.step(number)
    file = io.BytesIO()
    torch.save(first.optimizer.state_dict(), file)
    file.seek(0)
    second = Model(name)
    for weight, saved in zip(second.weights, first.weights, strict=True):
        weight.data.copy_(saved.data)
    second.optimizer.load_state_dict(torch.load(file, weights_only=True))
    for number in range(12, 24):
        second.step(number)
    assert whole.distance() < before
    assert all(torch.equal(*pair) for pair in zip(whole.weights, second.weights, strict=True))


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_each_says_its_memory_truly(name: str) -> None:
    model = Model(name, side=512)
    for number in range(2):
        model.step(number)
    held = model.state_bytes(model.weights[0]) / model.weights[0].numel()
    assert held == pytest.approx(OPTIMIZERS[name].state_bytes, abs=0.04)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_each_says_truly_whether_it_averages_and_owns_its_rate(name: str) -> None:
    model = Model(name)
    assert averages(model.optimizer) == OPTIMIZERS[name].averages
    for number in range(20):
        model.step(number)
    told = rates_of(model.optimizer)
    assert (told != {"unet": model.rate, "text": model.rate}) == OPTIMIZERS[name].owns_rate


@pytest.mark.parametrize("name", ONE_RATE)
def test_two_rates_where_there_is_one_are_told(name: str) -> None:
    """S073: in the recipe, and where rules of an adapter make them."""
    sets = [f"optimizer.name={name}", "optimizer.unet_lr=1.0"]
    with pytest.raises(UserError, match=f"{name} finds one rate for all it trains"):
        load_recipe("sd15-lora", [*sets, "optimizer.text_lr=0.5"])
    load_recipe("sd15-lora", [*sets, "optimizer.text_lr=0"])
    groups = [
        WeightGroup(word, rate, (nn.Parameter(torch.ones(2, 2)),)) for word, rate in (("a", 1.0), ("b", 0.5))
    ]
    with pytest.raises(UserError, match=r"theirs differ: a 1 and b 0\.5"):
        make_optimizer(knobs_of(name), groups)


def test_d_adaptation_trains_a_part_at_its_share() -> None:
    """S073: 1.0, and 0.5 for the text encoder."""
    weights = [nn.Parameter(torch.ones(4, 4)) for _ in range(2)]
    groups = [
        WeightGroup(word, rate, (each,))
        for (word, rate), each in zip((("unet", 1.0), ("text", 0.5)), weights, strict=True)
    ]
    made = make_optimizer(knobs_of("dadapt_adam", weight_decay=0.0), groups)
    for _ in range(3):
        for weight in weights:
            weight.grad = torch.full_like(weight, 0.1)
        set_rates(made, 1.0)
        made.step()
    moved = [float((1 - weight.detach()).mean()) for weight in weights]
    assert moved[1] == pytest.approx(moved[0] / 2, rel=0.01)
    told = rates_of(made)
    assert told["text"] == pytest.approx(told["unet"] / 2)


def test_lion_against_its_formula() -> None:
    """S052: sign of (b1 m + (1 - b1) g), decay beside it, then m moves with b2."""
    values = {"lion__beta1": 0.9, "lion__beta2": 0.95, "weight_decay": 0.1}
    for name, near in (("lion", 1e-6), ("paged_lion", 1e-6), ("lion8bit", 0.05)):
        model = Model(name, **values)
        weight, mean = model.weights[0].detach().clone(), torch.zeros(128, 128)
        for number in range(3):
            model.step(number)
            gradient = model.weights[0].grad
            weight = weight * (1 - 1e-2 * 0.1) - 1e-2 * (0.9 * mean + 0.1 * gradient).sign()
            mean = 0.95 * mean + 0.05 * gradient
        off = (model.weights[0] - weight).abs()
        assert float((off > 1e-5).float().mean()) <= near


@pytest.mark.parametrize("name", AVERAGING)
def test_rest_at_the_average_and_back_changes_no_bit(name: str) -> None:
    """S077: sampling twice a step trains the same weights; at rest they are others."""

    class Trained:
        def __init__(self, weights: list[nn.Parameter]) -> None:
            self.weights, self.rested = weights, 0

        def at_rest(self):
            import contextlib

            @contextlib.contextmanager
            def rest() -> Iterator[None]:
                self.rested += 1
                yield

            return rest()

    plain, watched = Model(name), Model(name)
    trained = averaged(Trained(watched.weights), watched.optimizer)
    for number in range(12):
        plain.step(number)
        watched.step(number)
        before = watched.weights[0].detach().clone()
        with trained.at_rest():
            rests_elsewhere = not torch.equal(before, watched.weights[0])
    assert rests_elsewhere
    assert trained.rested == 12
    assert all(torch.equal(*pair) for pair in zip(plain.weights, watched.weights, strict=True))


@pytest.mark.parametrize(
    ("version", "is_refused"),
    [
        ("0.35.4", False),
        ("0.36.0", True),
        ("0.38.1", True),
        ("0.41.0", True),
        ("0.41.0.post2", True),
        ("0.41.1", False),
        ("0.50.2", False),
    ],
)
def test_broken_versions_of_bitsandbytes_are_refused(monkeypatch, version: str, is_refused: bool) -> None:
    """S053."""
    monkeypatch.setattr(packages.importlib.metadata, "version", lambda _: version)
    if not is_refused:
        check_optimizer(knobs_of("adamw8bit"))
        return
    with pytest.raises(UserError, match=f"bitsandbytes {version} computes 8-bit optimisers wrongly"):
        check_optimizer(knobs_of("adamw8bit"))


@pytest.mark.parametrize(
    "name", ["prodigy", "lion", "came", "dadapt_sgd", "adamw_schedulefree", "paged_adamw"]
)
def test_a_missing_package_is_named_with_its_extra(monkeypatch, name: str) -> None:
    def gone(package: str) -> str:
        raise packages.importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(packages.importlib.metadata, "version", gone)
    with pytest.raises(UserError, match="is not installed") as caught:
        check_optimizer(knobs_of(name))
    assert "frieze[optimizers]" in caught.value.hint


ADAMW, PRODIGY = "torch.optim.AdamW", "prodigyopt.Prodigy"


@pytest.mark.parametrize(
    ("name", "argument", "key", "value"),
    [
        (ADAMW, "betas=(0.9, 0.99)", "betas", (0.9, 0.99)),
        (ADAMW, "betas=0.9,0.99", "betas", (0.9, 0.99)),
        (ADAMW, "betas =0.9, 0.95", "betas", (0.9, 0.95)),
        (ADAMW, "eps=1e-8", "eps", 1e-8),
        (ADAMW, "amsgrad=True", "amsgrad", True),
        (ADAMW, "amsgrad=true", "amsgrad", True),
        (ADAMW, "foreach=none", "foreach", None),
        (PRODIGY, "d_coef=0.8", "d_coef", 0.8),
        (PRODIGY, "decouple=True", "decouple", True),
    ],
)
def test_arguments_of_a_class_reach_it(name: str, argument: str, key: str, value: object) -> None:
    """S073."""
    knobs = knobs_of(name, trust_class=True, args=(argument,))
    check_optimizer(knobs)
    made = make_optimizer(knobs, [WeightGroup("unet", 1e-3, (nn.Parameter(torch.ones(2, 2)),))])
    assert made.param_groups[0][key] == value
    assert (made.param_groups[0]["lr"], made.param_groups[0]["base_lr"]) == (1e-3, 1e-3)


@pytest.mark.parametrize(
    ("name", "argument", "what", "hint"),
    [
        (ADAMW, "weight_decay=0.5,", "ends with a comma", "leave the comma out"),
        (ADAMW, "weight_decay", "is no argument", "NAME=VALUE"),
        (ADAMW, "weight_decay=", "is no argument", "NAME=VALUE"),
        (ADAMW, "lr=1e-3", "lr cannot be given: optimizer.unet_lr", "leave it out"),
        (ADAMW, "params=1", "params cannot be given", "leave it out"),
        (ADAMW, "betas=(0.9,", "ends with a comma", "comma"),
        (ADAMW, "betas=(0.9", "cannot be read", "brackets"),
        (ADAMW, "betas=__import__('os')", "cannot be read", "brackets"),
        (ADAMW, "foo=1", "takes no 'foo'", "foreach"),
        (ADAMW, "weight_deacy=1", "takes no 'weight_deacy'", "weight_decay"),
        (PRODIGY, "scale_parameter=False", "takes no 'scale_parameter'", ""),
        (ADAMW, "betas=3", "cannot train with these arguments", "optimizer.args"),
        (ADAMW, "eps=-1", "cannot train with these arguments: Invalid epsilon", "optimizer.args"),
        ("torch.optim.LBFGS", "history_size=3", "cannot train", "choose"),
        ("torch.optim.SparseAdam", "eps=1e-6", "cannot train", "choose"),
        ("torch.optim.NAdm", "eps=1e-6", "has no optimiser 'NAdm'", "NAdam"),
        ("torch.nn.Linear", "bias=True", "has no optimiser 'Linear'", ""),
        ("no_such_package.Optimizer", "eps=1e-6", "No module named 'no_such_package'", "install"),
    ],
)
def test_bad_arguments_are_sentences(name: str, argument: str, what: str, hint: str) -> None:
    """S073: refused by name, in the recipe or before the model is loaded."""
    with pytest.raises(UserError) as caught:
        check_optimizer(load_recipe("sd15-lora", sets_of(name, argument)).optimizer)
    assert what in caught.value.what
    assert hint in caught.value.hint


def sets_of(name: str, argument: str) -> list[str]:
    return [f"optimizer.name={name}", "optimizer.trust_class=true", f'optimizer.args=["{argument}"]']


def test_a_class_needs_its_flag() -> None:
    """S073: a dotted path only with a flag."""
    with pytest.raises(UserError, match="runs a class of an installed package") as caught:
        load_recipe("sd15-lora", ["optimizer.name=torch.optim.NAdam"])
    assert "optimizer.trust_class" in caught.value.hint
    load_recipe("sd15-lora", ["optimizer.name=torch.optim.NAdam", "optimizer.trust_class=true"])
