"""Why something went wrong, in words: disk, memory, or what the library says."""

from __future__ import annotations

import errno

from curator.contract.errors import UserError
from train.out_of_memory import is_out_of_memory


def is_full_disk(error: BaseException) -> bool:
    """Whether there was no space left; libraries say it in their own errors."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)


def reason(error: BaseException) -> str:
    """Why, in words."""
    if is_full_disk(error):
        return "the disk is full"
    if is_out_of_memory(error):
        return "it does not fit in the memory"
    if isinstance(error, UserError):
        return error.what
    first = (str(error).strip().splitlines() or [""])[0][:200]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
