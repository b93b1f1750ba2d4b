"""Captioners: BLIP by beams and by drawing (S032), and an endpoint on this machine."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from curator.contract.errors import UserError
from curator.contract.tagging.job import Captioning
from curator.contract.tagging.zoo import ModelRow
from tag_models.families.blip import Blip
from tag_models.families.endpoint import Endpoint
from tag_models.model import Batch, Model
from tests.tag_models.test_scorers import pictures
from tests.tag_models.tiny_blip import write_blip


def texts(model: Model, shown: list[Image.Image]) -> list[str]:
    made = model.answer(
        Batch(np.stack([model.frame(each) for each in shown]), [each.size for each in shown])
    ).texts
    assert made is not None
    return list(made)


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blip")
    write_blip(folder)
    return folder


def test_a_batch_is_captioned_as_its_images_alone(blip: Path) -> None:
    model = Blip(blip, Captioning(max_length=12, min_length=3, beams=2), "cpu")
    shown = pictures(4)
    together = texts(model, shown)
    assert all(3 <= len(text.split()) <= 12 for text in together)
    assert [texts(model, [each])[0] for each in shown] == together


def test_what_is_drawn_follows_from_the_seed_and_the_image(blip: Path) -> None:
    def drawn(seed: int, shown: list[Image.Image]) -> list[str]:
        return texts(Blip(blip, Captioning(max_length=16, beams=1, top_p=0.95, seed=seed), "cpu"), shown)

    shown = pictures(4)
    first = drawn(1, shown)
    assert drawn(1, shown) == first
    assert drawn(1, shown[::-1]) == first[::-1]
    assert drawn(2, shown) != first


def test_no_captioner_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be loaded"):
        Blip(tmp_path, Captioning(), "cpu")
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(UserError, match="cannot be loaded"):
        Blip(tmp_path, Captioning(), "cpu")


class _Served(BaseHTTPRequestHandler):
    """Says the size and the corner of the image it is shown."""

    def do_POST(self) -> None:
        about = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers.get("Authorization"), about))  # type: ignore[attr-defined]
        code: int = self.server.code  # type: ignore[attr-defined]
        text, picture = about["messages"][0]["content"]
        data = base64.b64decode(picture["image_url"]["url"].partition(",")[2])
        with Image.open(io.BytesIO(data)) as shown:
            said = f"{text['text']}\n {shown.width}x{shown.height} {shown.getpixel((0, 0))}"
        body = json.dumps({"choices": [{"message": {"content": said}}]}).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    served = HTTPServer(("127.0.0.1", 0), _Served)
    served.asked, served.code = [], 200  # type: ignore[attr-defined]
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield served
    served.shutdown()
    served.server_close()


def endpoint(server: HTTPServer, **how: Any) -> Endpoint:
    url = f"http://127.0.0.1:{server.server_port}/v1/"
    return Endpoint(ModelRow("endpoint", url=url, repo="a-model"), Captioning(**how))


def test_an_endpoint_sees_the_image_without_padding(
    server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRIEZE_ENDPOINT_KEY", "secret")
    model = endpoint(server, prompt="Tell.", max_length=20, seed=7)
    shown = [Image.new("RGB", (64, 32), (9, 8, 7)), Image.new("RGB", (10, 30), (1, 2, 3))]
    assert texts(model, shown) == ["Tell. 1024x512 (9, 8, 7)", "Tell. 341x1024 (1, 2, 3)"]
    path, key, about = server.asked[0]  # type: ignore[attr-defined]
    assert (path, key) == ("/v1/chat/completions", "Bearer secret")
    assert (about["model"], about["max_tokens"], about["seed"], about["temperature"]) == (
        "a-model",
        20,
        7,
        0.0,
    )


def test_an_endpoint_that_fails_is_a_sentence_without_the_key(
    server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRIEZE_ENDPOINT_KEY", "secret")
    server.code = 500  # type: ignore[attr-defined]
    with pytest.raises(UserError, match="it answers 500") as raised:
        texts(endpoint(server), pictures(1))
    assert "secret" not in str(raised.value)
    with pytest.raises(UserError, match="no 'url'"):
        Endpoint(ModelRow("endpoint"), Captioning())
