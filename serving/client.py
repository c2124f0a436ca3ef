"""A small typed client for the service.

with Client() as client:
    print(client.predict("samples/7.png").digit)
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import requests
from numpy.typing import NDArray
from PIL import Image
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

Digit = str | Path | bytes | Image.Image | NDArray[Any]
BODY_LIMIT_BYTES = 6 * 1024 * 1024  # of the server's 8 MiB, leaving room for JSON around the images
IMAGE_LIMIT = 5  # the server reads one request's images for 3 s at most; a 12-megapixel PNG takes half a second
ARRAY_LIMIT = 8192  # digits of 784 bytes that fit in one body


class ServiceError(RuntimeError):
    """The server refused, or could not be reached; the message is its own sentence.

    `status` is the HTTP status, or None when there was no answer at all.
    """

    def __init__(self, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Prediction:
    """A digit, how sure the net is of it (0 to 1), and the probability of each of the ten."""

    digit: int
    confidence: float
    probabilities: list[float]


@dataclass(frozen=True)
class Explanation(Prediction):
    """A prediction, each pixel's share in it, positive where it spoke for the digit, and what the net saw, 0 to 255.

    Both are 28 rows of 28.
    """

    attribution: list[list[float]]
    pixels: list[list[int]]


class Client:
    """Talks to a TorchServe that serves the MNIST model. Safe to use from one thread at a time.

    Requests that fail to connect, or find the queue full (503), are tried again `retries` times, waiting 0.2 s
    and twice as long each time. Every method raises ServiceError. The predictions of a probe, which asks whether the
    server is ready, are not counted among what people sent.
    """

    def __init__(
        self,
        inference: str = "http://127.0.0.1:8080",
        management: str = "http://127.0.0.1:8081",
        timeout_s: float = 10.0,
        retries: int = 3,
        is_probe: bool = False,
    ) -> None:
        self._inference = inference
        self._management = management
        self._timeout_s = timeout_s
        self._session = requests.Session()
        if is_probe:
            self._session.headers["X-Health-Check"] = "true"
        self._session.trust_env = False  # a proxy between us and the loopback is never meant
        # A prediction changes nothing, so POST may be repeated; what changes models is asked once.
        self._session.mount(inference, HTTPAdapter(max_retries=_retry(retries, methods=None)))
        self._session.mount(management, HTTPAdapter(max_retries=_retry(retries, methods=["GET"])))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    def predict(self, digit: Digit, version: str | None = None) -> Prediction:
        """Recognise one digit: an image file's path or bytes, a PIL image, or MNIST pixels as an array.

        Arrays are [28, 28] or [784], uint8 from 0 to 255 or floats from 0 to 1.
        """
        body, content_type = _encode(digit)
        answer = self._post(_path("predictions", version), body, content_type)
        return Prediction(**answer["predictions"][0] if "predictions" in answer else answer)

    def predict_many(self, digits: Iterable[Digit]) -> list[Prediction]:
        """Recognise many, in order, in as few requests as fit. An array [n, 28, 28] of uint8 is the fastest."""
        if isinstance(digits, np.ndarray) and digits.dtype == np.uint8:
            bodies = (_npy(digits[i : i + ARRAY_LIMIT]) for i in range(0, len(digits), ARRAY_LIMIT))
            answers = [self._post("predictions/mnist", body, "application/x-npy") for body in bodies]
        else:
            chunks = _chunks([_instance(digit) for digit in digits])
            answers = [
                self._json("POST", f"{self._inference}/predictions/mnist", json={"instances": c}) for c in chunks
            ]
        return [Prediction(**prediction) for answer in answers for prediction in answer["predictions"]]

    def explain(self, digit: Digit, version: str | None = None) -> Explanation:
        """Recognise one digit and say which pixels spoke for the answer."""
        body, content_type = _encode(digit)
        answer = self._post(_path("explanations", version), body, content_type)
        return Explanation(**answer["predictions"][0] if "predictions" in answer else answer)

    def models(self) -> dict[str, str]:
        """Name each model that is registered, with the archive it came from."""
        models = self._json("GET", f"{self._management}/models", params={"limit": 1000})["models"]
        return {model["modelName"]: model["modelUrl"] for model in models}

    def describe(self, model: str = "mnist", version: str | None = None, *, customized: bool = False) -> dict[str, Any]:
        """Tell a model's version, workers, batch and queue; `customized` adds what the model says of itself."""
        params = {"customized": "true"} if customized else {}
        (description,) = self._json("GET", self._model(model, version), params=params)
        return dict(description)

    def register(self, archive: str, workers: int = 1) -> str:
        """Register an archive of the model store and wait for its workers."""
        params = {"url": archive, "initial_workers": workers, "synchronous": "true"}
        return self._status("POST", f"{self._management}/models", params=params, timeout=120)

    def scale(self, model: str, workers: int, version: str | None = None) -> str:
        """Set the number of workers and wait for them."""
        params = {"min_worker": workers, "max_worker": workers, "synchronous": "true"}
        return self._status("PUT", self._model(model, version), params=params, timeout=120)

    def set_default(self, model: str, version: str) -> str:
        """Make `version` the one that answers when a request names none."""
        return self._status("PUT", f"{self._model(model, version)}/set-default")

    def unregister(self, model: str, version: str | None = None) -> str:
        """Remove a model. Its archive stays in the model store."""
        return self._status("DELETE", self._model(model, version))

    def _model(self, model: str, version: str | None) -> str:
        return f"{self._management}/models/{model}" + (f"/{version}" if version else "")

    def _post(self, path: str, body: bytes, content_type: str) -> Any:
        return self._json("POST", f"{self._inference}/{path}", data=body, headers={"Content-Type": content_type})

    def _status(self, method: str, url: str, **options: Any) -> str:
        return str(self._json(method, url, **options)["status"])

    def _json(self, method: str, url: str, **options: Any) -> Any:
        try:
            response = self._session.request(method, url, **{"timeout": self._timeout_s, **options})
        except requests.ConnectionError as error:
            raise ServiceError(f"nothing answers at {url}; start the server with `make serve`") from error
        except requests.Timeout as error:
            raise ServiceError(f"{url} did not answer in time") from error
        if not response.ok:
            raise ServiceError(_sentence(response), response.status_code)
        return response.json()


def _retry(retries: int, methods: Sequence[str] | None) -> Retry:
    return Retry(
        retries, read=False, status_forcelist=[503], allowed_methods=methods, backoff_factor=0.2, raise_on_status=False
    )


def _path(verb: str, version: str | None) -> str:
    return f"{verb}/mnist" + (f"/{version}" if version else "")


def _sentence(response: requests.Response) -> str:
    """Find the server's own words: "error" is the handler's, "message" TorchServe's."""
    try:
        body = response.json()
        return str(body.get("error") or body["message"])
    except (ValueError, KeyError, AttributeError):
        return f"{response.url} answered {response.status_code} {response.reason}"


def _encode(digit: Digit) -> tuple[bytes, str]:
    """Make the body of a request for one digit, and its type."""
    if isinstance(digit, np.ndarray) and digit.dtype == np.uint8:
        return _npy(digit[np.newaxis]), "application/x-npy"
    if isinstance(digit, np.ndarray):
        return json.dumps({"instances": [digit.tolist()]}).encode(), "application/json"
    return _image_file(digit), "application/octet-stream"


def _instance(digit: Digit) -> Any:
    if isinstance(digit, np.ndarray):
        return digit.tolist()
    return {"b64": base64.b64encode(_image_file(digit)).decode()}


def _image_file(digit: str | Path | bytes | Image.Image) -> bytes:
    if isinstance(digit, bytes):
        return digit
    if isinstance(digit, Image.Image):
        stream = io.BytesIO()
        digit.save(stream, "PNG")
        return stream.getvalue()
    return Path(digit).read_bytes()


def _npy(digits: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, digits)
    return stream.getvalue()


def _chunks(instances: list[Any]) -> Iterator[list[Any]]:
    """Cut a list into pieces whose images fit into one body; a list of 784 numbers is at most 16 KB of JSON."""
    chunk: list[Any] = []
    size = 0
    for instance in instances:
        length = len(instance["b64"]) if isinstance(instance, dict) else 16 * 1024
        if len(chunk) == IMAGE_LIMIT or (chunk and size + length > BODY_LIMIT_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(instance)
        size += length
    if chunk:
        yield chunk
