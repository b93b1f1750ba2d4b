"""Names of sidecars: what stands behind an image's stem, and of which kind the file is.

The suffix of `1.txt` beside `1.png` is `.txt`, that of `1.png.txt` is `.png.txt`, that of `1.TXT` is `.TXT`. A suffix
that begins with "/" is a whole name: one whose accents are coded otherwise than the image's (macOS decomposes them).
"""

from __future__ import annotations

KINDS = (".txt", ".caption", ".json")


def sidecar_name(picture: str, suffix: str) -> str:
    """The name, or path, of a sidecar beside an image's."""
    if suffix[0] != "/":
        return picture.rpartition(".")[0] + suffix
    return picture[: picture.rfind("/") + 1] + suffix[1:]


def kind_of(suffix: str) -> str:
    """One of `KINDS`."""
    return suffix if suffix in KINDS else suffix[suffix.rfind(".") :].lower()
