"""Keys of screens that show one image: Browse, and the image on the whole screen."""

from __future__ import annotations

from curator.tui.keyboard.keys import KeyAction

KEYS = (
    KeyAction("image.explain", "w", "explain", "why it is trained or not: subsets, manifests", "why"),
    KeyAction("image.copy", "Y", "copy", "copy its path, tags or caption", "copy"),
    KeyAction("image.view", "O", "view", "open it in your viewer ($FRIEZE_VIEWER)"),
    KeyAction("image.edit", "E", "edit_outside", "its caption in $EDITOR"),
)
