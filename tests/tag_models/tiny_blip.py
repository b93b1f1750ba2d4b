"""A tiny BLIP of random weights, with a vocabulary of its own."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from tests.tag_models.test_scorers import PREPROCESSOR

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]", *(f"word{n}" for n in range(25))]


def write_blip(folder: Path) -> None:
    """Its configuration, weights and vocabulary, as transformers writes them."""
    from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    tiny = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    text = tiny | {
        "vocab_size": len(WORDS), "encoder_hidden_size": 32, "bos_token_id": 5, "eos_token_id": 3, "sep_token_id": 3,
        "pad_token_id": 0, "max_position_embeddings": 128, "projection_dim": 32,
    }  # fmt: skip
    config = BlipConfig(
        text_config=text, vision_config=tiny | {"image_size": 32, "patch_size": 16}, projection_dim=32
    )
    torch.manual_seed(0)
    model = BlipForConditionalGeneration(config)
    with torch.no_grad():  # random weights say one word for ever
        for each in model.parameters():
            each.mul_(6)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
