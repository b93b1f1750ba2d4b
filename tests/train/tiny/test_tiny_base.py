"""The tiny base model: repeatable, loadable, and teachable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from curator.contract.errors import UserError
from train.families.load import load_family
from train.tiny.base import build, main, read_lessons
from train.tiny.teach import Lesson, teach


def weights_of(folder: Path, part: str) -> dict[str, torch.Tensor]:
    (file,) = (folder / part).glob("*.safetensors")
    return load_file(file)


def test_weights_are_a_function_of_the_seed(whole_model) -> None:
    before = torch.get_rng_state()
    unet = build(seed=0).unet.state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    saved = weights_of(whole_model, "unet")
    assert all(torch.equal(saved[name], unet[name]) for name in saved)
    assert any(not torch.equal(saved[name], other) for name, other in build(seed=1).unet.state_dict().items())


def test_the_folder_suits_old_and_new_transformers(whole_model) -> None:
    """Text encoder names with their prefix; vocabulary as vocab.json and merges.txt."""
    assert all(name.startswith("text_model.") for name in weights_of(whole_model, "text_encoder"))
    assert len(json.loads((whole_model / "tokenizer" / "vocab.json").read_text())) == 49408
    family = load_family(str(whole_model))
    assert family.tokenizers[0]("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert family.token_count("a photo of a cat") == 5
    encoder = build(seed=0).text_encoder.state_dict()
    assert all(
        torch.equal(encoder[name], value) for name, value in family.text_encoders[0].state_dict().items()
    )


def test_an_untaught_vae_already_shows_colours(whole_model) -> None:
    """It starts as an averaging of colours; a flat image comes back nearly as it was."""
    family = load_family(str(whole_model))
    colours = torch.tensor([[0.5, -0.5, 0.2], [-0.8, 0.1, 0.6]])
    pixels = colours[:, :, None, None].expand(2, 3, 64, 64)
    drawn = family.decode(family.latents(family.encode_pictures(pixels), None))
    middle = drawn[:, :, 24:40, 24:40].mean((2, 3))
    assert float((middle - colours).abs().max()) < 0.35
    assert float(((middle[0] - middle[1]) - (colours[0] - colours[1])).abs().max()) < 0.5


def test_teaching_is_repeatable_and_scales_the_latents() -> None:
    lessons = [
        Lesson(Image.new("RGB", (80, 60), colour), name)
        for colour, name in (("red", "red"), ("navy", "blue"))
    ]
    said: list[tuple[str, int, int]] = []
    taught = []
    for _ in range(2):
        pipeline = build(seed=0)
        teach(
            pipeline, lessons, (2, 2), 5, lambda phase, done, total, loss: said.append((phase, done, total))
        )
        taught.append(pipeline)
    assert said[:4] == [("vae", 1, 2), ("vae", 2, 2), ("unet", 1, 2), ("unet", 2, 2)]
    for part in ("vae", "unet"):
        one, other = (getattr(pipeline, part).state_dict() for pipeline in taught)
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert taught[0].vae.config.scaling_factor != build(seed=0).vae.config.scaling_factor


def test_the_command(tmp_path: Path, freeze, capsys) -> None:
    """Progress lines a caller can read; mistakes are two lines and exit code 2."""
    pictures = freeze()
    assert len(read_lessons(pictures.manifest)) == 9
    out = tmp_path / "model"
    arguments = [str(out), "--pictures", str(pictures.manifest), "--vae-steps", "1", "--unet-steps", "1"]
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" loss")[0] for line in lines] == [
        "tiny-base vae 1/1",
        "tiny-base unet 1/1",
        f"tiny-base saved {out}",
    ]
    assert load_family(str(out)).facts.prediction == "v_prediction"
    assert main([str(out), "--family", "sdxl", *arguments[1:]]) == 2
    assert "cannot be taught" in capsys.readouterr().err
    listed = tmp_path / "list.txt"
    listed.write_text(f"{tmp_path / 'gone.png'}\ta thing\n")
    assert main([str(out), "--pictures", str(listed)]) == 2
    listed.write_text("\n")
    with pytest.raises(UserError, match="no image"):
        read_lessons(listed)
