"""Files of tag models: fetched from the hub, resumed where a fetch broke off, checked against their hashes.

A file gets its name when it is whole and what it should be: the sha256 that the zoo pins, else what the hub says of it.
Of a model that the zoo does not pin, commit and hashes are noted when its files first come, and hold from then on.
Credentials are the business of the hub's own library, which reads HF_TOKEN or what `hf auth login` stored.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from curator.contract.errors import UserError
from curator.contract.files.picture_file import file_sha256
from curator.contract.locations import DRAFT_PREFIX
from curator.contract.tagging.zoo import ENCODER_FOLDER
from curator.session.images.noted_pins import NotedPins, note_pins, noted_pins

if TYPE_CHECKING:
    from curator.contract.tagging.zoo import ModelRow, ZooModel

Show = Callable[[int, int], None]  # bytes that have come of a file, and its size
_PARTS = f"{DRAFT_PREFIX}parts"
_ENCODER_FILES = ("config.json", "preprocessor_config.json", "model.safetensors")
_SHA256, _GIT_SHA1 = 64, 40  # lengths of the hub's hashes: of large files, and of those that git holds itself
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class ModelFile:
    """A file of a model that is there, by its path in the model's folder."""

    name: str
    bytes: int
    sha256: str
    is_new: bool


class _Wanted(NamedTuple):
    """A file of a repository, and where it belongs; `sha256` is empty where nobody has pinned it yet."""

    name: str
    repo: str
    remote: str
    revision: str
    sha256: str


def check_source(model: ZooModel) -> None:
    """Whether the model's files can be fetched.

    Raises:
        UserError: they are in no repository.
    """
    if model.row.family == "endpoint":
        raise UserError(
            f"{model.name} has no files here: it is served at {model.row.url}",
            "ask it as it is: frieze propose",
        )
    if not model.row.repo and model.missing:
        names = ", ".join(model.missing)
        raise UserError(
            f"nobody says where {model.name} could be fetched from",
            f"put {names} into {model.folder}",
        )


def fetch_files(model: ZooModel, show: Show) -> list[ModelFile]:
    """Fetch what is missing of a model, and check what is there; nothing is asked of the hub where all is there.

    Raises:
        UserError: the hub cannot be reached or has no such file, a file is another than it should be, or there is no
            right or space to write. What has come is kept, and the next call goes on there.
    """
    check_source(model)
    try:
        if model.row.is_pinned or not model.row.repo:
            return [_present(model, wanted, show)[0] for wanted in _wanted(model.row, NotedPins())]
        return _fetched_and_noted(model, show)
    except OSError as error:
        raise UserError(
            f"the model cannot be kept in {model.folder}: {error.strerror or error}",
            "free space or check rights, then fetch again: it goes on where it was",
        ) from error


def is_whole(model: ZooModel) -> bool:
    """Whether all that would be fetched is there."""
    return all((model.folder / wanted.name).is_file() for wanted in _wanted(model.row, NotedPins()))


def _fetched_and_noted(model: ZooModel, show: Show) -> list[ModelFile]:
    """The files of a model that its row does not pin: what comes first is pinned."""
    pins, files = noted_pins(model.folder), list[ModelFile]()
    for wanted in _wanted(model.row, pins):
        file, commit = _present(model, wanted, show)
        files.append(file)
        if file.name not in pins.sha256:
            pins.sha256[file.name] = file.sha256
            if commit:
                pins.commits[wanted.repo] = commit
            note_pins(model.folder, pins)
    return files


def _wanted(row: ModelRow, pins: NotedPins) -> Iterator[_Wanted]:
    """The files of a model, one by one: of one repository all are of the commit that was noted meanwhile."""
    sources = [(row.repo, row.revision, {name: name for name in row.files})]
    if row.encoder:
        within = {f"{ENCODER_FOLDER}/{name}": name for name in _ENCODER_FILES}
        sources.append((row.encoder, row.encoder_revision, within))
    for repo, revision, files in sources:
        for name, remote in files.items():
            at = pins.commits.get(repo) or revision or "main"
            yield _Wanted(name, repo, remote, at, row.sha256.get(name) or pins.sha256.get(name, ""))


def _present(model: ZooModel, wanted: _Wanted, show: Show) -> tuple[ModelFile, str]:
    """The file, and the commit that it was fetched at; none where it was there."""
    path = model.folder / wanted.name
    is_new = not path.is_file()
    commit = _fetch(model.folder, wanted, show) if is_new else ""
    found = file_sha256(path)
    if wanted.sha256 and found != wanted.sha256:
        raise UserError(
            f"{path} is not the file that belongs to {model.name}: "
            f"its sha256 is {found}, not {wanted.sha256}",
            "remove it and fetch again; to use it as it is, give its folder to 'frieze propose'",
        )
    return ModelFile(wanted.name, path.stat().st_size, found, is_new), commit


def _fetch(folder: Path, wanted: _Wanted, show: Show) -> str:
    """Bring one file into its place; gives the commit that it is of."""
    address, size, etag, commit = _looked_up(wanted)
    key = hashlib.sha256(f"{wanted.name}\n{etag}".encode()).hexdigest()[:32]
    part = folder / _PARTS / key
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{wanted.name} is being fetched by another process", "wait until it is done"
            ) from None
        if size is not None and file.tell() > size:
            file.truncate(0)
        _download(wanted, address, size, file, show)
        file.flush()
        if problem := _differs(part, wanted, etag):
            part.unlink()
            raise UserError(
                f"{wanted.remote} of {wanted.repo} came as another file: {problem}",
                "fetch again; if it happens again, the file was replaced there, or something between changes it",
            )
        target = folder / wanted.name
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)
    if not any(part.parent.iterdir()):
        part.parent.rmdir()
    return commit


def _looked_up(wanted: _Wanted) -> tuple[str, int | None, str, str]:
    """The file's address, its size where the hub says it, the hash that the hub knows it by, and the commit."""
    try:
        import huggingface_hub as hub
    except ImportError:
        raise UserError(
            "models are fetched by huggingface_hub, which is not installed",
            f"pip install 'frieze[tag]', or put {wanted.name} into the model's folder yourself",
        ) from None
    hub.logging.set_verbosity_error()  # that it tries again is nothing to worry about
    address = hub.hf_hub_url(wanted.repo, wanted.remote, revision=wanted.revision)
    try:
        about = hub.get_hf_file_metadata(address, token=hub.get_token() or False)
    except Exception as error:
        raise _unreachable(wanted, error) from error
    return address, about.size, about.etag or "", about.commit_hash or ""


def _download(wanted: _Wanted, address: str, size: int | None, file: IO[bytes], show: Show) -> None:
    """Append to `file` what is missing of it."""
    from huggingface_hub import get_token
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    try:
        http_get(
            address,
            file,  # pyright: ignore[reportArgumentType] (a file opened to append is one)
            resume_size=file.tell(),
            headers=build_hf_headers(token=get_token() or False),
            expected_size=size,
            tqdm_class=partial(_Bar, show=show),  # pyright: ignore[reportArgumentType] (called, never subclassed)
        )
    except Exception as error:
        raise _unreachable(wanted, error) from error


class _Bar:
    """The progress bar that the hub's library asks for; it tells `show`."""

    def __init__(self, *, show: Show, total: int | None = None, initial: int = 0, **_: Any) -> None:
        self._show, self._done, self._total = show, initial, total or 0

    def update(self, count: int) -> None:
        """`count` bytes more have come."""
        self._done += count
        self._show(self._done, self._total)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to close."""


def _unreachable(wanted: _Wanted, error: Exception) -> Exception:
    """What to tell of an error of the hub's library."""
    from huggingface_hub import errors

    what = f"{wanted.remote} of {wanted.repo}"
    if isinstance(error, errors.GatedRepoError):
        return UserError(
            f"{what} is given only to those who accepted its terms",
            f"accept them on the page of {wanted.repo}, then 'hf auth login' or set HF_TOKEN",
        )
    if isinstance(
        error, errors.RepositoryNotFoundError | errors.EntryNotFoundError | errors.RevisionNotFoundError
    ):
        return UserError(
            f"the hub has no {what} at '{wanted.revision}', or not for you",
            "check the row in models.toml; of a private repository log in with 'hf auth login', or set HF_TOKEN",
        )
    if isinstance(error, errors.OfflineModeIsEnabled):
        return UserError(f"{what} is not here, and HF_HUB_OFFLINE forbids to fetch it", "unset it")
    if isinstance(error, OSError) and error.errno:
        return error  # of our own disk
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return UserError(
        f"{what} did not come: {reason[:200]}",
        "fetch again: it goes on where it was; without a network put the file into the model's folder",
    )


def _differs(part: Path, wanted: _Wanted, etag: str) -> str:
    """Why a file is not what it should be; nothing where it is."""
    found = file_sha256(part)
    if wanted.sha256:
        return "" if found == wanted.sha256 else f"its sha256 is {found}, not {wanted.sha256}"
    if len(etag) == _SHA256 and found != etag:
        return f"its sha256 is {found}, and the hub says {etag}"
    if len(etag) == _GIT_SHA1 and _git_sha1(part) != etag:
        return f"its git hash is not {etag}, as the hub says"
    return ""


def _git_sha1(path: Path) -> str:
    """The hash by which git knows a file's content."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()
