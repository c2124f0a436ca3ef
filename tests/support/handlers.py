"""Run handlers without TorchServe: loaded from their real archives, with TorchServe's own Context."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ts.context import Context, RequestProcessor
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl

from handlers.mnist.handler import MnistHandler
from handlers.xor.handler import XORHandler

METRICS = Path(__file__).parents[2] / "serving/torchserve/metrics.yaml"


class Reply(NamedTuple):
    """A handler's response to one request."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = {}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class LoadedHandler:
    """A loaded handler that answers batches as TorchServe would send them."""

    def __init__(self, handler: Any, context: Context) -> None:
        self.handler = handler
        self.context = context

    def batch(
        self, data: Sequence[Mapping[str, Any]], headers: Sequence[Mapping[str, Any]] | None = None
    ) -> list[Reply]:
        """Answer several requests at once, with the headers that TorchServe's prediction routes add.

        A route sets "explain" to "True" or "False" and overrides a client's own header of that name.
        """
        all_headers = headers or [{}] * len(data)
        self.context.request_ids = {i: f"id-{i}" for i in range(len(data))}
        self.context.request_processor = [
            RequestProcessor({"url_path": "", **h, "explain": str(h.get("explain") == "True")}) for h in all_headers
        ]
        bodies = self.handler.handle(list(data), self.context)
        statuses = [self.context.get_response_status(i)[0] for i in range(len(data))]
        types = [self.context.get_response_content_type(i) for i in range(len(data))]
        more = [dict(self.context.get_response_headers(i)) for i in range(len(data))]
        return [Reply(*reply) for reply in zip(statuses, types, bodies, more, strict=True)]

    def one(self, parts: Mapping[str, Any], headers: Mapping[str, Any] | None = None) -> Reply:
        """Answer a single request."""
        (reply,) = self.batch([parts], [headers or {}])
        return reply

    def body(self, body: bytes, content_type: str = "", **headers: str) -> Reply:
        """Answer a request that has `body` for its body."""
        return self.one({"body": bytearray(body)}, {"Content-Type": content_type, **headers})

    def json(self, message: Any, **headers: str) -> Reply:
        """Answer a JSON request."""
        return self.body(json.dumps(message).encode(), "application/json", **headers)


def load_handler(handler: Any, archive: Path, directory: Path) -> LoadedHandler:
    """Unpack an archive into `directory` and initialize a handler with it; its metrics thread is ended."""
    with zipfile.ZipFile(archive) as files:
        files.extractall(directory)
    manifest = json.loads((directory / "MAR-INF/MANIFEST.json").read_text())
    metrics = MetricsCacheYamlImpl(str(METRICS))
    metrics.initialize_cache()
    context = Context(archive.stem, str(directory), manifest, 16, None, "0.12.0", metrics=metrics)
    handler.initialize(context)
    handler.metrics.stop()  # its thread would write into the logs of later tests
    return LoadedHandler(handler, context)


@pytest.fixture(scope="session")
def mnist_handler(archives: Path, tmp_path_factory: pytest.TempPathFactory) -> LoadedHandler:
    """Return the MNIST handler, loaded from its archive."""
    return load_handler(MnistHandler(), archives / "mnist.mar", tmp_path_factory.mktemp("mnist"))


@pytest.fixture(scope="session")
def xor_handler(archives: Path, tmp_path_factory: pytest.TempPathFactory) -> LoadedHandler:
    """Return the XOR handler, loaded from its archive."""
    return load_handler(XORHandler(), archives / "xor.mar", tmp_path_factory.mktemp("xor"))


@pytest.fixture
def image_file(tmp_path: Path) -> Callable[..., bytes]:
    """Return a function that encodes a PIL image in any format."""

    def encode(image: Any, image_format: str, **options: Any) -> bytes:
        path = tmp_path / "image"
        image.save(path, image_format, **options)
        return path.read_bytes()

    return encode
