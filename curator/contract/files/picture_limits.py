"""Limits on images: what a scan takes, a preview shows and a training decodes is the same."""

from __future__ import annotations

MAX_PIXELS = 300_000_000  # Pillow refuses above twice its own limit, and warns above it
MAX_PNG_TEXT_BYTES = (
    64 << 20
)  # of one colour profile or text, unpacked; Pillow's own limit refuses sound images
MAX_PNG_TEXTS_BYTES = 256 << 20  # of all texts of an image
