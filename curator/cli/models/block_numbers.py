"""The option that says how blocks are numbered."""

from __future__ import annotations

CONVENTION = "Whose numbering of blocks: supermerger (embedding of time in IN00) or mecha (in BASE)."
