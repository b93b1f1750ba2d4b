"""LoRAs cut to fewer ranks: which stay, what the layers then change, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from curator.contract.errors import UserError
from curator.contract.low_rank import Resizing, checked_request
from train.adapters.adapter import by_module
from train.adapters.key_styles import in_kohyas_names
from train.adapters.kinds.dylora import live
from train.adapters.kinds.kind import Spec
from train.adapters.reading import change_of
from train.weights.lora_file import read_lora
from train.workshop.low_rank.resize import ResizeReport, resize

MODULE = "lora_unet_mid_block_attentions_0_proj_in"
A, OUT = Path("a.safetensors"), Path("o.safetensors")
VALUES = (8.0, 4.0, 2.0, 1.0)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def with_values(values: tuple[float, ...], out: int = 6, inputs: int = 7) -> dict[str, Tensor]:
    """Factors whose product has these singular values; the factors themselves are no singular vectors."""
    left, right = torch.linalg.qr(random(out, out))[0], torch.linalg.qr(random(inputs, inputs, seed=1))[0]
    count = len(values)
    mixed = random(count, count, seed=2)
    up = left[:, :count] * torch.tensor(values) @ mixed
    return {"lora_up.weight": up.contiguous(), "lora_down.weight": torch.linalg.inv(mixed) @ right[:count]}


def put(parts: dict[str, Tensor], metadata: dict[str, str] | None = None, module: str = MODULE) -> None:
    save_file({f"{module}.{leaf}": each.contiguous() for leaf, each in parts.items()}, A, metadata)


def run(**asked: Any) -> ResizeReport:
    return resize(A, OUT, checked_request(asked, Resizing), lambda done, total: None, replaces=True)


def change(path: Path, *shape: int) -> Tensor:
    (parts,) = by_module(in_kohyas_names(load_file(path), 1)).values()
    return change_of(MODULE, parts, torch.zeros(shape))


def cut(whole: Tensor, rank: int) -> Tensor:
    """The nearest of a rank, by a full decomposition."""
    left, values, right = torch.linalg.svd(whole.flatten(1).double(), full_matrices=False)
    return ((left[:, :rank] * values[:rank]) @ right[:rank]).float().reshape(whole.shape)


@pytest.mark.parametrize(
    ("rule", "rank"),
    [
        ({"rank": 2}, 2),
        ({"sv_ratio": 3.0}, 2),
        ({"sv_ratio": 4.0}, 3),
        ({"sv_fro": 0.97}, 2),
        ({"sv_fro": 0.98}, 3),
        ({"sv_cumulative": 0.8}, 2),
        ({"sv_cumulative": 0.9}, 3),
        ({"sv_cumulative": 0.9, "rank": 1}, 1),
        ({"sv_threshold": 3.0}, 3),  # of the change, which is half as strong again: 12, 6, 3, 1.5
    ],
)
def test_the_ranks_that_stay_and_what_they_change(rule: dict[str, Any], rank: int) -> None:
    put(with_values(VALUES) | {"alpha": torch.tensor(6.0)})
    report = run(ranks=rule)
    whole = change(A, 6, 7)
    assert (report.layers[0].rank, report.layers[0].rank_before) == (rank, 4)
    assert torch.allclose(change(OUT, 6, 7), cut(whole, rank), atol=1e-4)
    made = load_file(OUT)
    assert float(made[f"{MODULE}.alpha"]) == pytest.approx(1.5 * rank)
    lost = math.sqrt(sum(each**2 for each in VALUES[rank:]) / sum(each**2 for each in VALUES))
    assert report.error == pytest.approx(lost, rel=1e-4)
    assert report.kept_share == pytest.approx(1 - lost**2, rel=1e-4)


PATH = "unet.mid_block.attentions.0.proj_in"
STYLES = {
    "diffusers": (f"{PATH}.lora.down.weight", f"{PATH}.lora.up.weight"),
    "peft": (f"{PATH}.lora_A.weight", f"{PATH}.lora_B.weight"),
    "processors": tuple(
        f"mid_block.attentions.0.processor.to_q_lora.{side}.weight" for side in ("down", "up")
    ),
}


@pytest.mark.parametrize("style", sorted(STYLES))
def test_names_of_other_programs_stay(style: str) -> None:
    """Without an alpha the rank counts, before and after."""
    down, up = STYLES[style]
    parts = with_values(VALUES)
    save_file({down: parts["lora_down.weight"], up: parts["lora_up.weight"]}, A)
    run(ranks={"rank": 2})
    made = load_file(OUT)
    assert set(made) == {down, up}
    assert torch.allclose(
        made[up] @ made[down], cut(parts["lora_up.weight"] @ parts["lora_down.weight"], 2), atol=1e-4
    )


@pytest.mark.parametrize("is_tucker", [False, True], ids=["plain", "tucker"])
def test_convolutions(is_tucker: bool) -> None:
    """A core goes into the factor beside it, so nothing but the ranks is lost."""
    kernel = (1, 1) if is_tucker else (3, 3)
    parts = {"lora_down.weight": random(4, 5, *kernel), "lora_up.weight": random(6, 4, 1, 1, seed=1)}
    parts |= {"lora_mid.weight": random(4, 4, 3, 3, seed=2)} if is_tucker else {}
    put(parts | {"alpha": torch.tensor(2.0)}, {"ss_network_args": '{"conv_dim": "4", "conv_alpha": "2"}'})
    before = change(A, 6, 5, 3, 3)
    report = run(ranks={"rank": 9, "conv_rank": 2})
    assert report.layers[0].rank == 2
    assert torch.allclose(change(OUT, 6, 5, 3, 3), cut(before, 2), atol=1e-4)
    made = load_file(OUT)
    assert made[f"{MODULE}.lora_down.weight"].shape == (2, 5, 3, 3)
    assert made[f"{MODULE}.lora_up.weight"].shape == (6, 2, 1, 1)
    arguments = json.loads(read_lora(OUT)[1]["ss_network_args"])
    assert (arguments["conv_dim"], arguments["conv_alpha"]) == ("2", "1.0")


def test_what_has_no_more_ranks_stays_bit_for_bit_with_norms_and_words() -> None:
    parts = with_values((3.0, 1.0), 8, 8)
    tensors = {f"{MODULE}.{leaf}": each.half().contiguous() for leaf, each in parts.items()}
    others = {
        "lora_unet_norm.w_norm": random(4), "lora_unet_norm.b_norm": random(4), "bundle_emb.sls.clip_l": random(2, 4),
    }  # fmt: skip
    save_file(tensors | others, A, {"ss_network_dim": "2", "modelspec.title": "mine"})
    report = run(ranks={"rank": 8})
    made = load_file(OUT)
    assert set(made) == {*tensors, *others}
    assert all(torch.equal(made[name], each) for name, each in (tensors | others).items())
    assert (report.error, report.whole_tensors) == (0.0, 3)
    assert "1 layer has no more ranks than that" in report.doubts[0]["what"]
    about = read_lora(OUT)[1]
    assert (about["modelspec.title"], about["ss_network_dim"]) == ("mine", "2")
    wide = run(ranks={"rank": 1}, dtype="fp32")
    assert load_file(OUT)[f"{MODULE}.lora_up.weight"].dtype == torch.float32
    assert wide.layers[0].rank == 1


def test_alphas_of_a_rank_stabilised_lora_keep_the_strength() -> None:
    """Its file's alpha is alpha times the root of the rank; an alpha that bf16 would round stays whole."""
    parts = {leaf: each.bfloat16() for leaf, each in with_values(VALUES).items()}
    put(
        parts | {"alpha": torch.tensor(8 * 4**0.5 * 1.01)},
        {"ss_network_args": '{"rs_lora": "True"}', "ss_network_alpha": "8"},
    )
    before = change(A, 6, 7)
    run(ranks={"rank": 3}, dtype="bf16")
    assert float(load_file(OUT)[f"{MODULE}.alpha"]) == pytest.approx(3 * 2 * 2 * 1.01, rel=1e-6)
    assert torch.allclose(change(OUT, 6, 7), cut(before, 3), rtol=0.02, atol=0.3)
    about = read_lora(OUT)[1]
    assert "rs_lora" not in json.loads(about.get("ss_network_args", "{}"))
    assert float(about["ss_network_alpha"]) == pytest.approx(12.12)


def test_a_dylora_is_cut_to_what_it_was_trained_as() -> None:
    """The first ranks, as strong as in the passes that trained them."""
    parts = {"lora_down.weight": random(4, 7), "lora_up.weight": random(6, 4, seed=1)}
    put(parts | {"alpha": torch.tensor(2.0)}, {"ss_network_args": '{"algo": "dylora", "block_size": "2"}'})
    report = run(first_ranks=2)
    host = torch.nn.Linear(7, 6, bias=False)
    spec = Spec("dylora", (6, 7), 4, 2.0, options={"unit": 2})

    class Site:
        def __init__(self) -> None:
            self.spec, self.host, self.training, self.kept = spec, host, True, {}
            self.tensors = {
                f"{leaf}.{n}": each.split(2, dim=axis)[n]
                for axis, (leaf, each) in enumerate(parts.items())
                for n in range(2)
            }

        def base(self, x: Tensor) -> Tensor:
            return host(x)

    x = random(3, 7, seed=3)
    torch.manual_seed(next(s for s in range(99) if _first_draw(s) == 0))
    with torch.no_grad():
        trained = live(Site(), x) - host(x)
    assert torch.allclose(trained, x @ change(OUT, 6, 7).T, atol=1e-5)
    assert report.layers[0].rank == 2
    with pytest.raises(UserError, match="2 ranks at a time, and 3 is no multiple"):
        run(first_ranks=3)
    put(parts)
    with pytest.raises(UserError, match="does not say that it is a DyLoRA"):
        run(first_ranks=2)


def _first_draw(seed: int) -> int:
    torch.manual_seed(seed)
    return int(torch.randint(2, ()))


def test_a_size_is_kept() -> None:
    draw = {
        f"m{n}": with_values(tuple(10.0 * 0.5 ** (n * i) for i in range(16)), 64, 64) for n in range(1, 5)
    }
    save_file(
        {
            f"lora_unet_{name}.{leaf}": each.contiguous()
            for name, parts in draw.items()
            for leaf, each in parts.items()
        },
        A,
    )
    size = A.stat().st_size // 2
    report = run(ranks={"size_mb": size / 1e6})
    assert 0.7 * size < OUT.stat().st_size <= size
    ranks = [layer.rank for layer in report.layers]
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0] > ranks[-1]


FACTORS = {"x.lora_down.weight": torch.ones(2, 4), "x.lora_up.weight": torch.ones(4, 2)}
REFUSED: list[tuple[dict[str, Tensor], dict[str, Any], str]] = [
    ({"x.hada_w1_a": torch.ones(2, 2)}, {}, "'x.hada_w1_a' of a.safetensors is of a LoHa"),
    (FACTORS | {"x.dora_scale": torch.ones(4)}, {}, "is of a DoRA"),
    ({"x.lokr_w1": torch.ones(2, 2)}, {}, "is of a LoKr"),
    ({"x.weight": torch.ones(2, 2)}, {}, "belongs to no layer of a LoRA"),
    ({"x.w_norm": torch.ones(2)}, {}, "holds no layer of a LoRA"),
    ({"x.lora_down.weight": torch.ones(2, 4)}, {}, "has 'x.lora_down.weight' and no 'x.lora_up.weight'"),
    (FACTORS | {"x.lora_up.weight": torch.ones(4, 3)}, {}, "has factors that do not fit"),
    (FACTORS | {"x.lora_up.weight": torch.full((4, 2), torch.nan)}, {}, "or hold NaN"),
    (FACTORS, {"ranks": {}}, "one rule says which ranks stay"),
    (FACTORS, {"ranks": {"rank": 2}, "first_ranks": 2}, "one rule says which ranks stay"),
    (FACTORS, {"ranks": {"size_mb": 0.001}}, "does not fit into --size-mb"),
]


@pytest.mark.parametrize(("tensors", "asked", "words"), REFUSED, ids=[each[2][:40] for each in REFUSED])
def test_what_is_refused(tensors: dict[str, Tensor], asked: dict[str, Any], words: str) -> None:
    save_file(tensors, A)
    with pytest.raises(UserError) as refused:
        run(**(asked or {"ranks": {"rank": 1}}))
    assert words in str(refused.value)
    assert not OUT.exists()


def test_the_source_is_never_written_over() -> None:
    put(with_values(VALUES))
    before = A.read_bytes()
    with pytest.raises(UserError, match="is one of the files"):
        resize(
            A, A, checked_request({"ranks": {"rank": 1}}, Resizing), lambda done, total: None, replaces=True
        )
    assert A.read_bytes() == before
