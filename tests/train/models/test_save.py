"""Base models written and read again: every tensor, what they predict, hashes of their bytes (S070, S078)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from diffusers import DiffusionPipeline
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from curator.contract.base_model.file_hashes import hashes_of
from tests.train.original_layout import original_layout
from train.families.load import load_family
from train.models.save import write_folder, write_single_file
from train.tiny.base import build

FAMILIES = ("sd1", "sd2", "sdxl")
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def parts(family) -> list[torch.nn.Module]:
    return [family.unet, family.vae, *family.text_encoders]


def assert_equal(one, other, dtype: torch.dtype = torch.float32) -> None:
    for mine, theirs in zip(parts(one), parts(other), strict=True):
        found = theirs.state_dict()
        assert all(torch.equal(found[name], v.to(dtype).float()) for name, v in mine.state_dict().items())


@pytest.mark.parametrize("stored", DTYPES)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_single_file_comes_back_tensor_by_tensor(tiny_of, tmp_path: Path, name, stored) -> None:
    """From a file that others wrote, with what SD2 never reads; nothing of training is carried along."""
    source = original_layout(build(seed=2, family=name), name)
    before, after = tmp_path / "before.safetensors", tmp_path / "after.safetensors"
    save_file({**source, "model_ema.decay": torch.tensor(0.9)}, before)
    family = load_family(str(before), config=tiny_of(name), prediction="epsilon")
    write_single_file(after, family, {"modelspec.title": "x"}, stored)
    written = load_file(after)
    assert written.keys() == source.keys()
    assert all(torch.equal(written[key], value.to(DTYPES[stored])) for key, value in source.items())
    again = load_family(str(after), config=tiny_of(name))
    assert_equal(family, again, DTYPES[stored])
    assert again.facts.prediction == "epsilon"


@pytest.mark.parametrize("name", FAMILIES)
def test_a_folder_comes_back_and_diffusers_reads_it(tiny_of, tmp_path: Path, name) -> None:
    family = load_family(str(tiny_of(name)), prediction="v_prediction", zero_terminal_snr="on")
    write_folder(tmp_path / "out", family, {}, "fp16")
    again = load_family(str(tmp_path / "out"))
    assert_equal(family, again, torch.float16)
    assert (again.facts.prediction, again.facts.zero_terminal_snr) == ("v_prediction", True)
    pipeline = DiffusionPipeline.from_pretrained(str(tmp_path / "out"))
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    assert pipeline.scheduler.config.rescale_betas_zero_snr
    for mine, theirs in zip(parts(again), parts_of(pipeline), strict=True):
        found = theirs.state_dict()
        assert all(torch.equal(found[key], value) for key, value in mine.state_dict().items())
    assert pipeline.tokenizer("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    keys = load_file(tmp_path / "out" / "text_encoder" / "model.safetensors")
    assert all(key.startswith("text_model.") for key in keys)  # what transformers before 5.6 looks for
    assert (tmp_path / "out" / "tokenizer" / "merges.txt").read_text().count("\n") > 48_000


def parts_of(pipeline) -> list[torch.nn.Module]:
    second = getattr(pipeline, "text_encoder_2", None)
    return [pipeline.unet, pipeline.vae, pipeline.text_encoder, *([second] if second else [])]


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("name", FAMILIES)
def test_what_a_model_predicts_is_carried_along(tiny_of, tmp_path: Path, name, zero) -> None:
    family = load_family(
        str(tiny_of(name)), prediction="v_prediction", zero_terminal_snr="on" if zero else "off"
    )
    path = tmp_path / "v.safetensors"
    write_single_file(path, family, {}, "fp16")
    with safe_open(path, "pt") as file:
        assert ("v_pred" in file.keys(), "ztsnr" in file.keys()) == (True, zero)  # noqa: SIM118
        assert file.metadata()["modelspec.prediction_type"] == "v"
        assert file.metadata()["modelspec.architecture"] == family.facts.architecture
    again = load_family(str(path), config=tiny_of(name))
    assert (again.facts.prediction, again.facts.zero_terminal_snr) == ("v_prediction", zero)


def test_sd2_from_a_folder_gets_its_last_layer(tiny_sd2, tmp_path: Path) -> None:
    """Clients make a text encoder of one layer more than is read."""
    path = tmp_path / "v2.safetensors"
    write_single_file(path, load_family(str(tiny_sd2)), {}, "fp32")
    tensors = load_file(path)
    start = "cond_stage_model.model.transformer.resblocks."
    last = {key.removeprefix(f"{start}4."): v for key, v in tensors.items() if key.startswith(f"{start}4.")}
    assert len(last) == 12
    assert all(torch.equal(value, tensors[f"{start}3.{key}"]) for key, value in last.items())


def test_a_pickle_is_written_where_it_is_asked_for(tiny_model, tmp_path: Path) -> None:
    family = load_family(str(tiny_model))
    write_single_file(tmp_path / "m.ckpt", family, {}, "bf16")
    assert torch.load(tmp_path / "m.ckpt", weights_only=True)["state_dict"]
    assert_equal(family, load_family(str(tmp_path / "m.ckpt"), config=tiny_model), torch.bfloat16)


def test_hashes_are_of_the_files_own_bytes(tiny_model, tmp_path: Path) -> None:
    """S090, S091: `sshs_model_hash` without 0x, equal for equal weights under other metadata."""
    family = load_family(str(tiny_model))
    found = []
    for title in ("one", "other" * 200):
        path = tmp_path / f"{title[:5]}.safetensors"
        write_single_file(path, family, {"modelspec.title": title}, "fp16")
        data = path.read_bytes()
        start = 8 + int.from_bytes(data[:8], "little")
        about = json.loads(data[8:start])["__metadata__"]
        assert about["sshs_model_hash"] == hashlib.sha256(data[start:]).hexdigest()
        assert about["modelspec.hash_sha256"] == f"0x{about['sshs_model_hash']}"
        assert about["sshs_legacy_hash"] == hashlib.sha256(data[0x100000:0x110000]).hexdigest()[:8]
        hashes = hashes_of(path)
        assert (hashes.tensors, hashes.legacy) == (about["sshs_model_hash"], about["sshs_legacy_hash"])
        assert hashes.autov2 == hashlib.sha256(data).hexdigest()[:10]
        found.append(about["sshs_model_hash"])
    assert found[0] == found[1]


def test_hashes_of_the_published_case(tmp_path: Path) -> None:
    """Case 22-hashes (ostris/ai-toolkit#130, civitai/civitai#742).

    Values worked out from the files' bytes by sites' own rules.
    """
    names = "lora_unet_mid_block_attentions_0_proj_in.lora_"
    down = torch.arange(8, dtype=torch.float32).reshape(2, 4)
    tensors = {f"{names}down.weight": down, f"{names}up.weight": torch.ones(4, 2)}
    save_file(tensors, tmp_path / "one.safetensors", {"ss_output_name": "one"})
    hashes = hashes_of(tmp_path / "one.safetensors")
    assert hashes.tensors == "4ed30fae0dddcbfa45ff444745c4103012c9aecd1475c33dfc15a358d851dbda"
    assert (hashes.autov2, hashes.legacy) == ("2b0f704481", "e3b0c442")


def test_a_killed_write_leaves_nothing(tiny_model, tmp_path: Path, monkeypatch) -> None:
    family = load_family(str(tiny_model))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("train.weights.tensor_writer.bytes_of", full)
    with pytest.raises(OSError, match="No space"):
        write_single_file(tmp_path / "m.safetensors", family, {}, "fp16")
    assert list(tmp_path.iterdir()) == []
