"""A small typed client for the service.

with Client() as client:
    print(client.predict("model/mnist/samples/7.png").digit)
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from serving.encoding import ARRAY_LIMIT, Digit, chunks, encode, instance, npy

START_TIMEOUT_S = 120.0  # for a worker to import torch and load the net


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
        body, content_type = encode(digit)
        answer = self._post(_path("predictions", version), body, content_type)
        return Prediction(**answer["predictions"][0] if "predictions" in answer else answer)

    def predict_many(self, digits: Iterable[Digit]) -> list[Prediction]:
        """Recognise many, in order, in as few requests as fit. An array [n, 28, 28] of uint8 is the fastest."""
        if isinstance(digits, np.ndarray) and digits.dtype == np.uint8:
            bodies = (npy(digits[i : i + ARRAY_LIMIT]) for i in range(0, len(digits), ARRAY_LIMIT))
            answers = [self._post("predictions/mnist", body, "application/x-npy") for body in bodies]
        else:
            url = f"{self._inference}/predictions/mnist"
            parts = chunks([instance(digit) for digit in digits])
            answers = [self._json("POST", url, json={"instances": part}) for part in parts]
        return [Prediction(**prediction) for answer in answers for prediction in answer["predictions"]]

    def explain(self, digit: Digit, version: str | None = None) -> Explanation:
        """Recognise one digit and say which pixels spoke for the answer."""
        body, content_type = encode(digit)
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

    def describe_all(self, model: str = "mnist") -> list[dict[str, Any]]:
        """Tell the same of every version that is registered."""
        return [dict(description) for description in self._json("GET", self._model(model, "all"))]

    def register(self, archive: str, workers: int = 1) -> str:
        """Register an archive of the model store and wait for its workers; where they fail, it is unregistered again.

        It is TorchServe that could wait ("synchronous"), but it does so in a thread that answers predictions meanwhile.
        """
        before = self._registered()
        params = {"url": archive, "initial_workers": workers, "synchronous": "false"}
        self._status("POST", f"{self._management}/models", params=params)
        for model, version in self._registered() - before:
            try:
                self.wait_ready(model, version)
            except BaseException:
                self.unregister(model, version)
                raise
            return f"{model} {version} registered, its workers are ready"
        raise ServiceError(f"{archive} was registered, and gone before its workers were ready")

    def scale(self, model: str, workers: int, version: str | None = None) -> str:
        """Set the number of workers and wait for them."""
        params = {"min_worker": workers, "max_worker": workers, "synchronous": "false"}
        self._status("PUT", self._model(model, version), params=params)
        self.wait_ready(model, version)
        return f"{model} has {workers} workers"

    def wait_ready(self, model: str, version: str | None = None, timeout_s: float = START_TIMEOUT_S) -> None:
        """Return when all workers are ready; ServiceError when one on this machine ends before."""
        deadline = time.monotonic() + timeout_s
        while not is_ready(description := self.describe(model, version)):
            name = f"{description['modelName']} {description['modelVersion']}"
            starting = [worker["pid"] for worker in description["workers"] if worker["status"] != "READY"]
            if any(pid > 0 and not psutil.pid_exists(pid) for pid in starting):
                raise ServiceError(f"a worker of {name} ended while it started; the server's log says why")
            if time.monotonic() > deadline:
                raise ServiceError(f"the workers of {name} were not ready after {timeout_s:.0f} s")
            time.sleep(0.1)

    def set_default(self, model: str, version: str) -> str:
        """Make `version` the one that answers when a request names none."""
        return self._status("PUT", f"{self._model(model, version)}/set-default")

    def unregister(self, model: str, version: str | None = None) -> str:
        """Remove a model. Its archive stays in the model store."""
        return self._status("DELETE", self._model(model, version))

    def _registered(self) -> set[tuple[str, str]]:
        """Every model and version."""
        return {(name, v["modelVersion"]) for name in self.models() for v in self.describe_all(name)}

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


def is_ready(description: dict[str, Any]) -> bool:
    """Say whether a version has all its workers, as `describe` tells."""
    workers = description["workers"]
    return len(workers) >= description["minWorkers"] and all(worker["status"] == "READY" for worker in workers)


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
