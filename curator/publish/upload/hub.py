"""The Hugging Face hub: names, the token, and what its errors mean.

Credentials are the business of the hub's own library, which reads HF_TOKEN or what `hf auth login` stored; they are
handed on to it alone, and never written or told.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from curator.contract.errors import UserError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_T = TypeVar("_T")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w./-]{0,200}", re.ASCII)
WAITS_S = (1.0, 4.0, 15.0)  # before another try
_PATIENCE_S = 30.0
_MANY, _FULL = 429, 507
_LOGIN = "log in with 'hf auth login', or set HF_TOKEN, with a token that may write"


def check_names(repo: str, revision: str) -> None:
    """Refuse what cannot name a repository or a branch.

    Raises:
        UserError: says what a name looks like.
    """
    if not _NAME.fullmatch(repo) or "--" in repo or ".." in repo or repo.endswith((".", "-", ".git")):
        raise UserError(
            f"'{repo}' cannot name a repository", "write OWNER/NAME: letters, digits, '-', '_' and '.'"
        )
    if not _REVISION.fullmatch(revision) or ".." in revision:
        raise UserError(f"'{revision}' cannot name a branch", "write a name such as main or v2")


def opened_hub() -> HfApi:
    """The hub, for whoever may write.

    Raises:
        UserError: its library is not installed, HF_HUB_OFFLINE is set, or there is no token.
    """
    hub = _library()
    if hub.constants.HF_HUB_OFFLINE:
        raise UserError("HF_HUB_OFFLINE forbids to ask the hub", "unset it")
    token = hub.get_token()
    if not token:
        raise UserError("there is no token for the Hugging Face hub", _LOGIN)
    return hub.HfApi(token=token)


def reading_hub() -> HfApi:
    """The hub, for whoever only reads: without a token it shows what is public.

    Raises:
        UserError: its library is not installed, or HF_HUB_OFFLINE is set.
    """
    hub = _library()
    if hub.constants.HF_HUB_OFFLINE:
        raise UserError("HF_HUB_OFFLINE forbids to ask the hub", "unset it")
    return hub.HfApi(token=hub.get_token() or False)


def small_file(repo: str, name: str, revision: str) -> bytes | None:
    """The content of a small file of a repository; None where there is no such file, branch or repository.

    Raises:
        UserError: the hub cannot be asked, or refuses.
    """
    reading_hub()
    from huggingface_hub import errors, get_token, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    absent = (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError)

    def got() -> bytes | None:
        headers = build_hf_headers(token=get_token() or False)
        answer = get_session().get(
            hf_hub_url(repo, name, revision=revision),
            headers=headers,
            follow_redirects=True,
            timeout=_PATIENCE_S,
        )
        try:
            hf_raise_for_status(answer)
        except errors.GatedRepoError:
            raise
        except absent:
            return None
        return answer.content

    return tried(f"the look at {name}", repo, got)


def _library() -> Any:
    try:
        import huggingface_hub as hub
        from huggingface_hub.utils import disable_progress_bars
    except ImportError:
        raise UserError(
            "huggingface_hub, which speaks with the hub, is not installed", "pip install 'frieze[tag]'"
        ) from None
    hub.logging.set_verbosity_error()  # that it tries again is nothing to worry about
    disable_progress_bars()
    return hub


def tried(doing: str, repo: str, act: Callable[[], _T]) -> _T:
    """What `act` gives, tried again where the connection or the hub failed; `doing` says what in an error.

    Raises:
        UserError: what the hub refused, or that it cannot be reached.
    """
    for wait_s in (*WAITS_S, None):
        try:
            return act()
        except UserError:
            raise
        except Exception as error:
            if wait_s is None or not _may_pass(error):
                raise told(doing, repo, error) from error
            time.sleep(wait_s)
    raise AssertionError


def told(doing: str, repo: str, error: BaseException) -> UserError:
    """An error of the hub's library as a sentence and a hint; it names no token."""
    from huggingface_hub import errors

    error = _cause(error)
    if isinstance(error, errors.OfflineModeIsEnabled):
        return UserError(f"{doing}: HF_HUB_OFFLINE forbids to ask the hub", "unset it")
    status = _status(error)
    if status in _REFUSALS:
        what, hint = _REFUSALS[status]
        return UserError(f"{doing}: {what.format(repo=repo)}", hint.format(repo=repo))
    if isinstance(error, OSError) and error.errno and not _is_of_network(error):
        return UserError(f"{doing}: {error.strerror}", "free space, or check rights")
    reason = _without_secrets((str(error).strip().splitlines() or [type(error).__name__])[0])
    return UserError(
        f"{doing} failed: {reason[:200]}", "publish again: what has been uploaded is not sent twice"
    )


_REFUSALS = {
    400: (
        "the hub refuses the card or a file of {repo}",
        "look at the front matter of the card: --dry-run shows it",
    ),
    401: ("the hub does not know the token, or it may not see {repo}", _LOGIN),
    403: ("the token may not write to {repo}", "take a token that may, or a repository of your own"),
    404: ("the hub has no {repo}, or not for you", "check the name; a branch must be there to read from it"),
    409: ("the hub has another {repo} of that name already", "choose another --repo, or --revision"),
    413: ("the storage of {repo} is full, or a file is too large for it", "free some there, or buy more"),
    402: ("the storage of {repo} is full", "free some there, or buy more"),
    507: ("the storage of {repo} is full", "free some there, or buy more"),
}


def _cause(error: BaseException) -> BaseException:
    """The hub's library wraps what an upload met."""
    while isinstance(error, RuntimeError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _status(error: BaseException) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)


def _may_pass(error: BaseException) -> bool:
    """Whether another try may do: the connection broke, or the hub is busy or broken."""
    error = _cause(error)
    status = _status(error)
    if status is not None:
        return status == _MANY or (500 <= status < 600 and status != _FULL)
    return _is_of_network(error)


def _is_of_network(error: BaseException) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}  # of httpx, whose name changes with the library
    return bool(
        names
        & {"TransportError", "NetworkError", "TimeoutException", "ConnectionError", "RemoteProtocolError"}
    )


def _without_secrets(text: str) -> str:
    """The library tells no token; should it ever, we do not."""
    from huggingface_hub import get_token

    token = get_token()
    return text.replace(token, "...") if token else text
