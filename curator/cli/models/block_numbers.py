"""Numbers of blocks as they are typed, or as a file holds them."""

from __future__ import annotations

from pathlib import Path

from curator.contract.errors import UserError

CONVENTION = "Whose numbering of blocks: supermerger (embedding of time in IN00) or mecha (in BASE)."


def numbers_of(text: str) -> str:
    """The text of a file of numbers without its remarks, or what was typed.

    Raises:
        UserError: the file cannot be read.
    """
    from curator.contract.files.regular_file import TEXT_BYTES, read_regular

    if not Path(text).is_file():
        return text
    try:
        lines = read_regular(text, limit_bytes=TEXT_BYTES).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--blocks: {text} cannot be read as text", "give numbers with commas") from error
    return ",".join(part.strip().strip(",") for line in lines if (part := line.partition("#")[0]).strip())
