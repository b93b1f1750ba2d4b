"""What is told of a model file from its header."""

from __future__ import annotations

import hashlib
import json
import re
import struct
from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.runs.programs.model_info import hashes, info_of


def write(path: Path, shapes: dict[str, tuple[int, ...]], metadata: dict[str, str] | None = None) -> Path:
    """A safetensors file in float16, whose bytes differ from place to place."""
    header: dict[str, object] = {"__metadata__": metadata or {}}
    place = 0
    for name, shape in shapes.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [place, place + size]}
        place += size
    text = json.dumps(header).encode()
    body = bytes(range(251)) * (
        place // 251 + 1
    )  # 251: no power of two, so nothing repeats where hashes begin
    path.write_bytes(struct.pack("<Q", len(text)) + text + body[:place])
    return path


LORA = "lora_unet_x"
KINDS = [
    ({f"{LORA}.lora_down.weight": (4, 8), f"{LORA}.lora_up.weight": (8, 4)}, "LoRA", True),
    ({f"{LORA}.lora_down.weight": (4, 8), f"{LORA}.dora_scale": (8, 1)}, "DoRA", False),
    ({f"{LORA}.lokr_w1": (4, 4), f"{LORA}.lokr_w2": (2, 2)}, "LoKr", False),
    ({f"{LORA}.hada_w1_a": (4, 4)}, "LoHa", False),
    ({f"{LORA}.oft_blocks": (2, 4, 4)}, "OFT", False),
    ({"unet.x.lora_A.weight": (4, 8)}, "LoRA", True),
    ({"emb_params": (3, 768)}, "an embedding of 3 vectors", True),
    ({"clip_l": (2, 768), "clip_g": (2, 1280)}, "an embedding of 2 vectors", True),
    ({"<word>": (768,)}, "an embedding of 1 vector", True),
    ({"foo": (3,)}, "no Stable Diffusion checkpoint", False),
    ({"cond_stage_model.transformer.x": (2,), "model.diffusion_model.x": (2,)}, "sd1", True),
    ({"first_stage_model.x": (2,)}, "a VAE", False),
]


@pytest.mark.parametrize(
    ("shapes", "kind", "by_diffusers"), KINDS, ids=[f"{k} {n}" for n, (_, k, _) in enumerate(KINDS)]
)
def test_kinds_and_who_reads_them(tmp_path: Path, shapes, kind: str, by_diffusers: bool) -> None:
    found = info_of(write(tmp_path / "x.safetensors", shapes))
    assert (found.kind, "diffusers" in found.clients) == (kind, by_diffusers)


def test_metadata_in_words(tmp_path: Path) -> None:
    """B06, S090: trigger words, ancestors, the training; a thumbnail as a size."""
    path = write(
        tmp_path / "x.safetensors",
        {f"{LORA}.lora_down.weight": (4, 8), "lora_unet_y.lora_down.weight": (8, 8)},
        {
            "modelspec.title": "mine",
            "modelspec.trigger_phrase": "sls frog",
            "modelspec.thumbnail": "data:image/png;base64," + "A" * 5000,
            "modelspec.merged_from": "a.safetensors (sha256 1), b.safetensors (sha256 2)",
            "ss_network_dim": "4",
            "ss_resolution": "(512, 512)",
            "ss_tag_frequency": json.dumps({"set": {"sls frog": 9, "frog": 20, "odd": "x"}}),
            "other": "x" * 1000,
        },
    )
    found = info_of(path)
    assert found.ranks == {"4": 1, "8": 1}
    assert (found.dtypes, found.numbers, found.tensors) == ({"F16": 2}, 96, 2)
    assert found.modelspec["title"] == "mine"
    assert "thumbnail" not in found.modelspec
    assert found.thumbnail_bytes == 3750
    assert found.trigger_words == ["sls frog", "frog"]
    assert found.ancestors == ["a.safetensors (sha256 1)", "b.safetensors (sha256 2)"]
    assert found.training == {"rank": "4", "training resolution": "(512, 512)"}
    assert len(found.metadata["other"]) == 200


def test_hashes_by_their_definitions(tmp_path: Path) -> None:
    """S091: AutoV2 is of the file, AutoV3 of what stays when metadata change."""
    shapes = {"a": (700, 1000)}
    one = write(tmp_path / "one.safetensors", shapes, {"ss_output_name": "one"})
    other = write(tmp_path / "other.safetensors", shapes, {"modelspec.title": "x" * 500})
    found = hashes(one)
    data = one.read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    assert found.autov2 == hashlib.sha256(data).hexdigest()[:10]
    assert found.tensors == hashlib.sha256(data[start:]).hexdigest() == hashes(other).tensors
    assert found.legacy == hashlib.sha256(data[0x100000:0x110000]).hexdigest()[:8]
    assert hashes(other).autov2 != found.autov2


@pytest.mark.parametrize("look", [info_of, hashes])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone", "there is no model file"),
        ("page", "is a web page"),
        ("cut", "was cut short"),
        ("empty", "is empty"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, look, name: str, words: str) -> None:
    (tmp_path / "page").write_text("<!DOCTYPE html>")
    (tmp_path / "empty").touch()
    whole = write(tmp_path / "cut", {"a": (100,)})
    whole.write_bytes(whole.read_bytes()[:-10])
    with pytest.raises(UserError, match=re.escape(words)):
        look(tmp_path / name)
