"""`python -m train.programs.workshop.convert_model`: a folder into a single file; a sentence for what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file

from train.programs.workshop.convert_model import main


def test_a_folder_becomes_a_file_and_a_folder(tiny_sd2, tmp_path: Path, capsys) -> None:
    out = tmp_path / "v2.safetensors"
    assert main([str(tiny_sd2), str(out), "--dtype", "bf16"]) == 0
    assert "sd2, AutoV2 " in capsys.readouterr().out
    assert {str(value.dtype) for value in load_file(out).values()} == {"torch.bfloat16"}
    assert main([str(tiny_sd2), str(tmp_path / "folder")]) == 0
    assert (tmp_path / "folder" / "unet" / "diffusion_pytorch_model.safetensors").exists()


@pytest.mark.parametrize(
    ("model", "out", "said"),
    [("/no/model", "x.safetensors", "there is no model at"), ("tiny", "", "is there already")],
)
def test_what_cannot_be_is_said(tiny_model, tmp_path: Path, capsys, model, out, said) -> None:
    source = str(tiny_model) if model == "tiny" else model
    assert main([source, str(tmp_path / out)]) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert said in told[0]
    assert len(told) == 2
