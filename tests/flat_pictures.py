"""One scene in every kind of file that must look the same: grey shapes on white."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIZE = (64, 48)
WHITE, KEY = 255, 7  # KEY is a grey that no shape has


def scene() -> Image.Image:
    """What is seen, as 8-bit grey; no two sides are alike."""
    grey = Image.new("L", SIZE, WHITE)
    draw = ImageDraw.Draw(grey)
    draw.ellipse((4, 6, 30, 40), fill=40)
    draw.rectangle((34, 2, 60, 12), fill=128)
    draw.polygon([(40, 44), (62, 44), (58, 20)], fill=90)
    return grey


def _with_key() -> Image.Image:
    """The scene with the colour that is clear in place of white."""
    return scene().point([KEY if value == WHITE else value for value in range(256)])


def _opaque() -> Image.Image:
    return scene().point([0 if value == WHITE else 255 for value in range(256)])


def _deep(grey: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)


def _layered(mode: str) -> Image.Image:
    """Black where nothing is seen."""
    layered = _with_key().convert(mode)
    layered.putalpha(_opaque())
    return layered


def _palette() -> Image.Image:
    return _with_key().convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE, colors=16)


def _save_palette(path: Path) -> None:
    indexed = _palette()
    indexed.save(path, transparency=indexed.getpixel((0, 0)))


def _save_turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    scene().transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)


def _save_animated(path: Path) -> None:
    scene().convert("RGB").save(path, save_all=True, append_images=[Image.new("RGB", SIZE)], lossless=True)


KINDS: dict[str, Callable[[Path], None]] = {
    "L.png": lambda path: scene().save(path),
    "RGB.png": lambda path: scene().convert("RGB").save(path),
    "RGBA.png": lambda path: _layered("RGBA").save(path),
    "LA.png": lambda path: _layered("LA").save(path),
    "P-clear.png": _save_palette,
    "RGB-key.png": lambda path: _with_key().convert("RGB").save(path, transparency=(KEY, KEY, KEY)),
    "L-key.png": lambda path: _with_key().save(path, transparency=KEY),
    "I16.png": lambda path: _deep(scene()).save(path),
    "I16-key.png": lambda path: _deep(_with_key()).save(path, transparency=KEY * 257),
    "I16.tiff": lambda path: _deep(scene()).save(path),
    "I.tiff": lambda path: Image.fromarray(np.asarray(scene()).astype(np.int32) * 257).save(path),
    "F.tiff": lambda path: scene().convert("F").save(path),
    "CMYK.tiff": lambda path: scene().convert("CMYK").save(path),
    "turned.png": _save_turned,
    "animated.webp": _save_animated,
}


def saved(folder: Path, kind: str) -> Path:
    """The scene as a file of that kind."""
    path = folder / kind
    KINDS[kind](path)
    return path
