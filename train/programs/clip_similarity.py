"""How well images fit their prompts by CLIP: `python -m train.programs.clip_similarity FOLDER < PAIRS`.

FOLDER holds a CLIP model in transformers' format; PAIRS is a JSON list of [image, prompt]. The answer is a list of
cosines, -1 to 1, and null for an image that cannot be read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from curator.contract.errors import UserError
from train import quiet
from train.programs.asked import told


def main(arguments: list[str]) -> int:
    """The exit code: 0 told, 2 a mistake a user can mend."""
    return told(lambda: similarities(Path(arguments[0]), json.load(sys.stdin)))


def similarities(folder: Path, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
    """The cosine of each image with its prompt.

    Raises:
        UserError: the folder holds no CLIP model.
    """
    import torch  # noqa: PLC0415 (heavy imports wait until there is a folder)
    from PIL import Image  # noqa: PLC0415
    from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer  # noqa: PLC0415

    quiet.after_imports()
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} holds no CLIP model", "give a folder with config.json and weights")
    try:
        model = CLIPModel.from_pretrained(folder, local_files_only=True).eval()
        tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        processor = CLIPImageProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UserError(
            f"{folder} cannot be loaded as a CLIP model: {str(error).splitlines()[0]}",
            "give a folder of transformers' CLIPModel with its tokenizer and preprocessor",
        ) from error
    found: list[float | None] = []
    for path, prompt in pairs:
        try:
            with Image.open(path) as opened:
                image = opened.convert("RGB")
        except OSError:
            found.append(None)
            continue
        with torch.no_grad():
            words = tokenizer([prompt], truncation=True, padding=True, return_tensors="pt")
            told_of = model(pixel_values=processor(image, return_tensors="pt")["pixel_values"], **words)
            found.append(float(torch.cosine_similarity(told_of.image_embeds, told_of.text_embeds)[0]))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
