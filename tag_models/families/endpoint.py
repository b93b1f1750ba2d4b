"""Captions from an endpoint that speaks OpenAI's chat protocol, such as a vision model served on the same machine.

Used only where the user names one in `models.toml`; images leave this program for no other place. The key, where one is
needed, is read from FRIEZE_ENDPOINT_KEY and kept nowhere.
"""

from __future__ import annotations

import base64
import io
import json
import os
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from PIL import Image

from curator.contract.errors import UserError
from tag_models.labels import Labels
from tag_models.model import Answers, Batch, Model
from tag_models.pixels import Framing, Pixels

if TYPE_CHECKING:
    from curator.contract.tagging.job import Captioning, TaggingJob
    from curator.contract.tagging.zoo import Kind, ModelRow

_SIDE = 1024
_AT_ONCE = 4
_TIMEOUT_S = 600.0  # of one image, on a slow machine
_MOST_BYTES = 1 << 22
_PROMPT = "Describe this image in one plain sentence."


def load(job: TaggingJob) -> Model:
    """The endpoint of a row; it has no folder."""
    return Endpoint(job.row, job.captioning)


class Endpoint:
    """A served model."""

    kind: Kind = "caption"
    labels = Labels((), ())
    batch_size: int | None = None
    side = _SIDE
    frame = Framing(_SIDE, "resize-then-pad")

    def __init__(self, row: ModelRow, captioning: Captioning) -> None:
        """Use the endpoint at `row.url`.

        Raises:
            UserError: the row has no http address.
        """
        if not row.url.startswith(("http://", "https://")):
            raise UserError(
                "the endpoint has no 'url'", "give its row in models.toml one: http://127.0.0.1:PORT/v1"
            )
        self._url = row.url.rstrip("/") + "/chat/completions"
        self._how = captioning
        self._served = row.repo
        self.device = row.url

    def answer(self, batch: Batch) -> Answers:
        """A caption an image."""
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return Answers(texts=list(threads.map(self._caption, batch.pixels, batch.sizes)))

    def _caption(self, pixels: Pixels, size: tuple[int, int]) -> str:
        picture = base64.b64encode(_png(pixels, size)).decode()
        content = [
            {"type": "text", "text": self._how.prompt or _PROMPT},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}},
        ]
        about = {
            "model": self._served,
            "messages": [{"role": "user", "content": content}],
            "max_tokens": self._how.max_length,
            "seed": self._how.seed,
            "temperature": 1.0 if self._how.top_p else 0.0,
            **({"top_p": self._how.top_p} if self._how.top_p else {}),
        }
        return " ".join(self._asked(about).split())

    def _asked(self, about: dict[str, Any]) -> str:
        key = os.environ.get("FRIEZE_ENDPOINT_KEY")
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        request = urllib.request.Request(self._url, json.dumps(about).encode(), headers)  # noqa: S310 (http, as checked)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 (the same)
                said = json.loads(answer.read(_MOST_BYTES))
            return str(said["choices"][0]["message"]["content"])
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            why = f"it answers {error.code}" if isinstance(error, urllib.error.HTTPError) else str(error)
            raise UserError(
                f"the endpoint {self.device} gives no caption: {why[:200]}",
                "start it, or mend its row in models.toml; what it said before is kept",
            ) from error


def _png(pixels: Pixels, size: tuple[int, int]) -> bytes:
    """The image without the padding."""
    scale = _SIDE / max(size)
    width, height = (max(1, round(length * scale)) for length in size)
    left, top = (_SIDE - width) // 2, (_SIDE - height) // 2
    file = io.BytesIO()
    Image.fromarray(pixels).crop((left, top, left + width, top + height)).save(file, format="PNG")
    return file.getvalue()
