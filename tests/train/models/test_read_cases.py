"""What people's model files are like, each loaded or refused in a sentence (from public bug reports)."""

from __future__ import annotations

import json
import shutil
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from curator.contract.errors import UserError
from tests.train.original_layout import original_layout
from train.families.load import load_family
from train.families.rows import FAMILIES
from train.models.vae_file import read_vae
from train.tiny.base import build

Tensors = dict[str, Tensor]
Z = torch.zeros(0)
TO_Q = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight"
LDM_Q = "model.diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_q.weight"
LDM_TEXT = "cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.weight"
LDM_VAE = "first_stage_model.encoder.conv_in.weight"


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    return original_layout(build(seed=3), "sd1")


def refusal(path: Path, config: Path | None = None, **settings: str) -> str:
    """What is said, in less than a second or two, and never a library's own advice."""
    with pytest.raises(UserError) as refused:
        load_family(str(path), config=config, **settings)
    text = str(refused.value)
    assert not any(
        word in text for word in ("weights_only", "Traceback", "Weights only", ".bin in directory")
    )
    return text


def told(path: Path, config: Path | None = None, **settings: str) -> list[str]:
    said: list[str] = []
    load_family(str(path), config=config, warn=lambda what, _: said.append(what), **settings)
    return said


# no VAE


def test_a_file_without_a_vae(tiny_model, tensors, tmp_path: Path) -> None:
    """Case 01-no-vae (lllyasviel/stable-diffusion-webui-forge#512, bghira/SimpleTuner#1613)."""
    path = tmp_path / "no_vae.safetensors"
    save_file({name: value for name, value in tensors.items() if not name.startswith("first_stage")}, path)
    assert "has no VAE" in refusal(path, tiny_model)
    assert "model.vae" in refusal(path, tiny_model)
    family = load_family(str(path), config=tiny_model, vae=str(tiny_model))
    own = load_file(tiny_model / "vae" / "diffusion_pytorch_model.safetensors")
    assert all(torch.equal(family.vae.state_dict()[name], value) for name, value in own.items())
    folder = build(seed=3)
    assert all(
        torch.equal(family.unet.state_dict()[name], value) for name, value in folder.unet.state_dict().items()
    )


def test_a_vae_in_a_file_of_its_own(tiny_model, tensors, tmp_path: Path) -> None:
    """In the original layout with and without the prefix, and in diffusers'."""
    mine = {name.removeprefix("first_stage_model."): value for name, value in tensors.items()
            if name.startswith("first_stage_model.")}  # fmt: skip
    forms = [mine, {f"first_stage_model.{name}": value for name, value in mine.items()}]
    forms.append(build(seed=3).vae.state_dict())
    row = replace(FAMILIES["sd1"], config=tiny_model)
    for number, form in enumerate(forms):
        path = tmp_path / f"vae{number}.safetensors"
        save_file(form, path)
        read = read_vae(str(path), row, lambda *_: None).state_dict()
        assert all(torch.equal(read[name], value) for name, value in build(seed=3).vae.state_dict().items())
    whole = tmp_path / "m.safetensors"
    save_file(tensors, whole)
    assert "of its VAE" in refusal(whole, tiny_model, vae=str(path))  # of another size than SD1's own


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"latent_channels": 16}, "makes latents of 16 channels"),
        ({"latents_mean": [1, 2, 3, 4]}, "EDM style"),
    ],
)
def test_a_vae_of_another_kind(tiny_model, tmp_path: Path, change, said) -> None:
    folder = Path(shutil.copytree(tiny_model / "vae", tmp_path / "vae"))
    about = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(about | change))
    assert said in refusal(tiny_model, vae=str(folder))


def test_a_vae_of_another_scale_is_told(tiny_model, tiny_sdxl) -> None:
    assert any("scales latents by 0.13025" in what for what in told(tiny_model, vae=str(tiny_sdxl)))


# prediction


@pytest.mark.parametrize(
    ("marks", "metadata", "prediction", "last"),
    [
        ({"v_pred": Z, "ztsnr": Z}, None, "v_prediction", 0.0),
        ({"v_pred": torch.tensor(1.0)}, None, "v_prediction", 0.0047),
        ({}, {"modelspec.prediction_type": "v"}, "v_prediction", 0.0047),
        ({"ztsnr": Z}, None, "epsilon", 0.0047),
        ({}, {"modelspec.prediction_type": "epsilon"}, "epsilon", 0.0047),
        ({}, None, "epsilon", 0.0047),
    ],
)
def test_prediction_is_what_the_file_says(
    tiny_sdxl, tmp_path: Path, marks, metadata, prediction, last
) -> None:
    """Case 02-v-in-metadata (Comfy-Org/ComfyUI#12579, invoke-ai/InvokeAI#7495, Nerogar/OneTrainer#625)."""
    path = tmp_path / "xl.safetensors"
    save_file({**original_layout(build(seed=3, family="sdxl"), "sdxl"), **marks}, path, metadata)
    family = load_family(str(path), config=tiny_sdxl)
    assert family.facts.prediction == prediction
    assert float(family.alphas_cumprod[-1]) == pytest.approx(last, abs=5e-5)
    other = "epsilon" if prediction == "v_prediction" else "v_prediction"
    says = marks.keys() - {"ztsnr"} or metadata
    assert any("and the recipe says" in what for what in told(path, tiny_sdxl, prediction=other)) == bool(
        says
    )


def test_a_file_that_contradicts_itself(tiny_sdxl, tmp_path: Path) -> None:
    path = tmp_path / "xl.safetensors"
    pipeline = original_layout(build(seed=3, family="sdxl"), "sdxl")
    save_file({**pipeline, "v_pred": Z}, path, {"modelspec.prediction_type": "epsilon"})
    assert "contradicts itself" in refusal(path, tiny_sdxl)


def test_sd2_must_say_what_it_predicts(tiny_sd2, tmp_path: Path) -> None:
    path = tmp_path / "v2.safetensors"
    save_file(original_layout(build(seed=3, family="sd2"), "sd2"), path)
    assert "does not say what it predicts" in refusal(path, tiny_sd2)
    assert load_family(str(path), config=tiny_sd2, prediction="v_prediction").facts.native_side == 768


@pytest.mark.parametrize("mark", ["edm_mean", "edm_std", "edm_vpred.sigma_max"])
def test_edm_models_are_refused(tensors, tiny_model, tmp_path: Path, mark) -> None:
    path = tmp_path / "edm.safetensors"
    save_file({**tensors, mark: torch.zeros(4)}, path)
    assert "EDM-style" in refusal(path, tiny_model)


# extras and numbers


def test_ordinary_extras_are_passed_over(tiny_model, tensors, tmp_path: Path) -> None:
    """Case 03-known-extras (huggingface/diffusers#1876).

    The weights that are trained are the model's and not their moving average.
    """
    extras = {f"model_ema.{name[6:].replace('.', '')}": value * 0.5 for name, value in tensors.items()
              if name.startswith("model.diffusion")}  # fmt: skip
    extras |= {"model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(5)}
    extras |= {"betas": torch.ones(1000), "alphas_cumprod": torch.ones(1000)}
    extras["cond_stage_model.transformer.text_model.embeddings.position_ids"] = torch.arange(77)[None]
    extras["cond_stage_model.logit_scale"] = torch.tensor(4.6)
    path = tmp_path / "full.safetensors"
    save_file({**tensors, **extras}, path)
    assert told(path, tiny_model) == []
    mine = load_family(str(path), config=tiny_model).unet.state_dict()
    assert all(torch.equal(mine[name], value) for name, value in build(seed=3).unet.state_dict().items())
    save_file({**tensors, "control_model.x": torch.ones(1)}, path)
    (what,) = told(path, tiny_model)
    assert "1 tensor that is no part of the model: 'control_model.x'" in what


def test_text_keys_with_and_without_their_prefix(tiny_model, tensors, tmp_path: Path) -> None:
    path = tmp_path / "bare.safetensors"
    save_file({name.replace(".text_model.", "."): value for name, value in tensors.items()}, path)
    mine = load_family(str(path), config=tiny_model).text_encoders[0].state_dict()
    wanted = build(seed=3).text_encoder.state_dict()
    assert all(torch.equal(mine[name], value) for name, value in wanted.items())


def test_mixed_numbers_are_widened_exactly(tiny_model, tensors, tmp_path: Path) -> None:
    """Case 04-mixed-dtypes (Nerogar/OneTrainer#989)."""

    def cast(name: str, value: Tensor) -> Tensor:
        if name.startswith("cond_"):
            return value.half()
        if name.startswith("first_"):
            return value.bfloat16()
        return value.to(torch.float8_e4m3fn) if value.ndim > 1 else value

    mixed = {name: cast(name, value) for name, value in tensors.items()}
    path, wide = tmp_path / "mixed.safetensors", tmp_path / "wide.safetensors"
    save_file(mixed, path)
    save_file({name: value.float() for name, value in mixed.items()}, wide)
    (what,) = told(path, tiny_model)
    assert "is quantised" in what
    one, other = (load_family(str(each), config=tiny_model) for each in (path, wide))
    for mine, theirs in zip(parts(one), parts(other), strict=True):
        assert all(torch.equal(value, theirs.state_dict()[name]) for name, value in mine.state_dict().items())
        assert all(value.dtype == torch.float32 for value in mine.state_dict().values())


def parts(family) -> list[torch.nn.Module]:
    return [family.unet, family.vae, *family.text_encoders]


@pytest.mark.parametrize("scale_name", ["scale_weight", "weight_scale"])
@pytest.mark.parametrize("by_row", [False, True])
def test_scaled_float8_is_multiplied_by_its_scale(
    tiny_model, tensors, tmp_path: Path, scale_name, by_row
) -> None:
    stem = LDM_Q.removesuffix("weight")
    value = tensors[LDM_Q]
    largest = value.abs().amax(dim=1) if by_row else value.abs().max()[None]
    scale = largest / 448
    small = (value / scale[:, None]).to(torch.float8_e4m3fn)
    path = tmp_path / "scaled.safetensors"
    save_file(
        {**tensors, LDM_Q: small, f"{stem}{scale_name}": scale, "model.diffusion_model.scaled_fp8": Z}, path
    )
    (what,) = told(path, tiny_model)
    assert "1 of them with a scale" in what
    mine = load_family(str(path), config=tiny_model).unet.state_dict()[TO_Q]
    assert torch.equal(mine, small.float() * scale[:, None])
    assert torch.allclose(mine, value, rtol=0.07, atol=1e-3)
    save_file({**tensors, LDM_Q: small, f"{stem}{scale_name}": torch.ones(3)}, path)
    assert "fits no tensor" in refusal(path, tiny_model)
    save_file({**tensors, LDM_Q: value.to(torch.int8)}, path)
    assert "int8" in refusal(path, tiny_model)


@pytest.mark.parametrize("name", [LDM_Q, LDM_TEXT, LDM_VAE])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_the_files_fault(tiny_model, tensors, tmp_path: Path, name, bad) -> None:
    hurt = tensors[name].clone()
    hurt.view(-1)[3] = bad
    path = tmp_path / "hurt.safetensors"
    save_file({**tensors, name: hurt}, path)
    text = refusal(path, tiny_model)
    assert name in text
    assert "hurt.safetensors" in text


def test_nan_in_attention_of_a_folder(tiny_model, tmp_path: Path) -> None:
    """Case 08-nan-in-attention (after kohya-ss/sd-scripts#952).

    torch's attention turns a NaN query into zeros: the loss stays finite.
    """
    folder = Path(shutil.copytree(tiny_model, tmp_path / "nan"))
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    found = load_file(weights)
    save_file({**found, TO_Q: torch.full_like(found[TO_Q], float("nan"))}, weights)
    assert f"'{TO_Q}' of its UNet holds NaN" in refusal(folder)


@pytest.mark.parametrize(("name", "part"), [(LDM_Q, "UNet"), (LDM_TEXT, "text encoder"), (LDM_VAE, "VAE")])
def test_a_missing_or_misshapen_tensor_is_named(tiny_model, tensors, tmp_path: Path, name, part) -> None:
    path = tmp_path / "short.safetensors"
    save_file({each: value for each, value in tensors.items() if each != name}, path)
    assert "lacks the tensor" in (text := refusal(path, tiny_model))
    assert name.removeprefix("cond_stage_model.transformer.text_model.") in text
    assert f"of its {part}" in text
    save_file({**tensors, name: tensors[name][:4].clone()}, path)
    text = refusal(path, tiny_model)
    assert f"'{name}' of its {part} is 4x" in text


# what is no model, and names that lie


@pytest.mark.parametrize("name", ["model.ckpt", "MODEL.SAFETENSORS", "model"])
def test_content_counts_and_not_the_name(tiny_model, tensors, tmp_path: Path, name) -> None:
    """Case 05-wrong-suffix (Nerogar/OneTrainer#989, Comfy-Org/ComfyUI#9085)."""
    save_file(tensors, tmp_path / name)
    mine = load_family(str(tmp_path / name), config=tiny_model).unet.state_dict()
    assert all(torch.equal(mine[each], value) for each, value in build(seed=3).unet.state_dict().items())


def test_a_pickle_named_safetensors(tiny_model, tensors, tmp_path: Path) -> None:
    torch.save({"state_dict": tensors, "epoch": 3}, tmp_path / "m.safetensors")
    mine = load_family(str(tmp_path / "m.safetensors"), config=tiny_model).unet.state_dict()
    assert all(torch.equal(mine[each], value) for each, value in build(seed=3).unet.state_dict().items())


def entry(first: int, last: int, count: int = 1) -> dict:
    return {"dtype": "F32", "shape": [count], "data_offsets": [first, last]}


K = "cond_stage_model.transformer.x"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (bytes(100), "nothing but zeros"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 2\n", "Git LFS pointer"),
        (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "is a web page"),
        (b'{"error": "Unauthorized"}', "is a JSON text"),
        (b"GGUF\x03\0\0\0" + bytes(50), "is a GGUF file"),
        (b"PK\x03\x04" + bytes(50), "was cut short"),
        (b"\x1f\x8b" + bytes(50), "is a packed archive"),
        (b"hello, this is a readme", "neither safetensors nor a PyTorch checkpoint"),
        (struct.pack("<Q", 150_000_000) + b"{}", "claims a header of 150,000,000 bytes"),
        (struct.pack("<Q", 1 << 40) + b"{}", "claims a header of 1,099,511,627,776 bytes"),
        (({K: entry(0, 8, 2), "y": entry(4, 12, 2)}, bytes(12)), "overlap"),
        (({K: entry(4, 8)}, bytes(8)), "overlap, or bytes that belong to none"),
        (({K: entry(0, 4000, 1000)}, bytes(2000)), "was cut short: 2,000 bytes are missing"),
        ((f"{{{K!r}: 1", b""), "damaged header"),
        (
            (f'{{"{K}":{json.dumps(entry(0, 4))},"{K}":{json.dumps(entry(4, 8))}}}', bytes(8)),
            f"names the tensor '{K}' twice",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["m.safetensors", "m.ckpt"])
def test_what_is_no_model_is_said_to_be_what_it_is(tmp_path: Path, data, said, name) -> None:
    """Case 06-header-lies (safetensors/safetensors#401, #668), and what else is no model."""
    if isinstance(data, tuple):
        header = data[0].encode() if isinstance(data[0], str) else json.dumps(data[0]).encode()
        data = struct.pack("<Q", len(header)) + header + data[1]
    (tmp_path / name).write_bytes(data)
    start = time.monotonic()
    assert said in refusal(tmp_path / name)
    assert time.monotonic() - start < 60


def test_what_old_trainers_left_in_a_pickle_is_not_run(
    tiny_model, tensors, tmp_path: Path, monkeypatch
) -> None:
    """The first checkpoints hold objects of Lightning: inert, while any other object is refused by name."""
    import sys
    import types

    name = "pytorch_lightning.callbacks.model_checkpoint"
    for start in ("pytorch_lightning", "pytorch_lightning.callbacks"):
        monkeypatch.setitem(sys.modules, start, types.ModuleType(start))
    module = types.ModuleType(name)
    module.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": name})
    monkeypatch.setitem(sys.modules, name, module)
    path = tmp_path / "old.ckpt"
    torch.save({"state_dict": tensors, "callbacks": {module.ModelCheckpoint: {"best": 1}}}, path)
    monkeypatch.delitem(sys.modules, name)
    load_family(str(path), config=tiny_model)


# folders


def variant(folder: Path, end: str, cast: Callable[[Tensor], Tensor]) -> None:
    for path in [*folder.rglob("*.safetensors")]:
        save_file({name: cast(value) for name, value in load_file(path).items()}, path.with_suffix(end))
        path.unlink()


def test_a_folder_of_the_fp16_variant_alone(tiny_model, tmp_path: Path) -> None:
    """Case 07-fp16-variant-folder (huggingface/diffusers#8858)."""
    folder = Path(shutil.copytree(tiny_model, tmp_path / "half"))
    variant(folder, ".fp16.safetensors", Tensor.half)
    assert all("only the fp16 variant" in what for what in told(folder))
    wanted = build(seed=0).unet.state_dict()
    mine = load_family(str(folder)).unet.state_dict()
    assert all(torch.equal(mine[name], value.half().float()) for name, value in wanted.items())


def test_a_folder_in_shards_and_with_old_names(tiny_model, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "shards"))
    whole = folder / "unet" / "diffusion_pytorch_model.safetensors"
    found = load_file(whole)
    shards = {f"diffusion_pytorch_model-0000{at + 1}-of-00002.safetensors": dict(list(found.items())[at::2])
              for at in (0, 1)}  # fmt: skip
    for name, part in shards.items():
        save_file(part, whole.with_name(name))
    weight_map = {tensor: name for name, part in shards.items() for tensor in part}
    whole.with_name(whole.name + ".index.json").write_text(json.dumps({"weight_map": weight_map}))
    whole.unlink()
    vae = folder / "vae" / "diffusion_pytorch_model.safetensors"
    words = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    old = load_file(vae)
    for new, word in words.items():
        old = {name.replace(f".{new}.", f".{word}."): value for name, value in old.items()}
    save_file(old, vae)
    assert told(folder) == []
    one, other = load_family(str(folder)), load_family(str(tiny_model))
    for mine, theirs in zip(parts(one), parts(other), strict=True):
        assert all(torch.equal(value, theirs.state_dict()[name]) for name, value in mine.state_dict().items())
    whole.with_name(next(iter(shards))).unlink()
    assert "one of its 2 shards" in refusal(folder)


@pytest.mark.parametrize("lost", [["tokenizer"], ["tokenizer/merges.txt", "tokenizer/tokenizer.json"]])
def test_a_missing_tokenizer_is_replaced_and_told(tiny_model, tmp_path: Path, lost) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "lost"))
    for name in lost:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    (what,) = told(folder)
    assert "holds no whole tokenizer" in what
    ids = load_family(str(folder)).tokenizers[0]("a photo of a cat").input_ids
    assert ids == [49406, 320, 1125, 539, 320, 2368, 49407]


def test_a_folder_that_holds_a_single_file(tensors, tmp_path: Path) -> None:
    save_file(tensors, tmp_path / "model.safetensors")
    assert f"give the file {tmp_path / 'model.safetensors'}" in refusal(tmp_path)
