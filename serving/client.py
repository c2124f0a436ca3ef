"""A typed client for the service.

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

from common.errors import UserError
from common.http import direct_session
from serving.encoding import ARRAY_LIMIT, Digit, chunks, encode, instance, npy

START_TIMEOUT_S = 120.0  # for a worker to import torch and load the net


class ServiceError(UserError):
    """The server refused a request, or did not answer; the message is one sentence, the server's own where it has one.

    `status` is the HTTP status, or None when there was no response.
    """

    def __init__(self, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Prediction:
    """A digit, the net's confidence in it (0 to 1), and the probabilities of the ten digits, which sum to 1."""

    digit: int
    confidence: float
    probabilities: list[float]


@dataclass(frozen=True)
class Explanation(Prediction):
    """A prediction with two maps of 28 rows of 28.

    `attribution` is each pixel's contribution, positive where it supports the digit; `pixels` is the image after
    preprocessing, 0 to 255.
    """

    attribution: list[list[float]]
    pixels: list[list[int]]


class Client:
    """Talks to a TorchServe that serves the MNIST model. Safe to use from one thread at a time.

    Requests that fail to connect, or find the queue full (503), are retried `retries` times, after 0.2 s and twice as
    long each time. Every method raises ServiceError. With `is_probe`, predictions are health checks, which the
    server's metrics of predictions leave out.
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
        self._session = direct_session()
        if is_probe:
            self._session.headers["X-Health-Check"] = "true"
        # A prediction changes nothing, so its POST may be repeated; changes of models are sent once.
        self._session.mount(inference, HTTPAdapter(max_retries=_retry(retries, methods=None)))
        self._session.mount(management, HTTPAdapter(max_retries=_retry(retries, methods=["GET"])))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    def predict(self, digit: Digit, version: str | None = None) -> Prediction:
        """Predict one digit: an image file's path or bytes, a PIL image, or MNIST pixels as an array.

        Arrays are [28, 28] or [784], uint8 from 0 to 255 or floats from 0 to 1.
        """
        body, content_type = encode(digit)
        response = self._post(_path("predictions", version), body, content_type)
        return Prediction(**response["predictions"][0] if "predictions" in response else response)

    def predict_many(self, digits: Iterable[Digit]) -> list[Prediction]:
        """Predict many digits, in order, in as few requests as possible. An array uint8 [n, 28, 28] is the fastest."""
        if isinstance(digits, np.ndarray) and digits.dtype == np.uint8:
            bodies = (npy(digits[i : i + ARRAY_LIMIT]) for i in range(0, len(digits), ARRAY_LIMIT))
            responses = [self._post("predictions/mnist", body, "application/x-npy") for body in bodies]
        else:
            url = f"{self._inference}/predictions/mnist"
            parts = chunks([instance(digit) for digit in digits])
            responses = [self._json("POST", url, json={"instances": part}) for part in parts]
        return [Prediction(**prediction) for response in responses for prediction in response["predictions"]]

    def explain(self, digit: Digit, version: str | None = None) -> Explanation:
        """Predict one digit and return each pixel's contribution to the prediction."""
        body, content_type = encode(digit)
        response = self._post(_path("explanations", version), body, content_type)
        return Explanation(**response["predictions"][0] if "predictions" in response else response)

    def models(self) -> dict[str, str]:
        """Return the registered models' names and archives."""
        models = self._json("GET", f"{self._management}/models", params={"limit": 1000})["models"]
        return {model["modelName"]: model["modelUrl"] for model in models}

    def describe(self, model: str = "mnist", version: str | None = None, *, customized: bool = False) -> dict[str, Any]:
        """Return a model's version, workers, batch size and queue; `customized` adds the handler's own description."""
        params = {"customized": "true"} if customized else {}
        (description,) = self._json("GET", self._model(model, version), params=params)
        return dict(description)

    def describe_all(self, model: str = "mnist") -> list[dict[str, Any]]:
        """Return the description of every registered version."""
        return [dict(description) for description in self._json("GET", self._model(model, "all"))]

    def register(self, archive: str, workers: int = 1) -> str:
        """Register an archive of the model store and wait for its workers; unregister it again if they fail.

        TorchServe could wait itself ("synchronous"), but would block a thread that also answers predictions.
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
        raise ServiceError(f"{archive} was unregistered before its workers were ready")

    def scale(self, model: str, workers: int, version: str | None = None) -> str:
        """Set the number of workers and wait for them."""
        params = {"min_worker": workers, "max_worker": workers, "synchronous": "false"}
        self._status("PUT", self._model(model, version), params=params)
        self.wait_ready(model, version)
        return f"{model} has {workers} workers"

    def wait_ready(self, model: str, version: str | None = None, timeout_s: float = START_TIMEOUT_S) -> None:
        """Wait until all workers are ready. Raises ServiceError after `timeout_s`, or when a local worker ends."""
        deadline = time.monotonic() + timeout_s
        while not is_ready(description := self.describe(model, version)):
            name = f"{description['modelName']} {description['modelVersion']}"
            starting = [worker["pid"] for worker in description["workers"] if worker["status"] != "READY"]
            if any(pid > 0 and not psutil.pid_exists(pid) for pid in starting):
                raise ServiceError(f"a worker of {name} ended while it started; the reason is in the server's log")
            if time.monotonic() > deadline:
                raise ServiceError(f"the workers of {name} were not ready after {timeout_s:.0f} s")
            time.sleep(0.1)

    def set_default(self, model: str, version: str) -> str:
        """Make `version` the default: it answers requests that name no version."""
        return self._status("PUT", f"{self._model(model, version)}/set-default")

    def unregister(self, model: str, version: str | None = None) -> str:
        """Remove a model. Its archive stays in the model store."""
        return self._status("DELETE", self._model(model, version))

    def _registered(self) -> set[tuple[str, str]]:
        """Return every model and version."""
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
            raise ServiceError(_error_message(response), response.status_code)
        return response.json()


def is_ready(description: dict[str, Any]) -> bool:
    """Check in the result of `describe` whether all workers of a version are ready."""
    workers = description["workers"]
    return len(workers) >= description["minWorkers"] and all(worker["status"] == "READY" for worker in workers)


def _retry(retries: int, methods: Sequence[str] | None) -> Retry:
    return Retry(
        retries, read=False, status_forcelist=[503], allowed_methods=methods, backoff_factor=0.2, raise_on_status=False
    )


def _path(verb: str, version: str | None) -> str:
    return f"{verb}/mnist" + (f"/{version}" if version else "")


def _error_message(response: requests.Response) -> str:
    """Return the server's sentence: "error" is the handler's, "message" TorchServe's."""
    try:
        body = response.json()
        return str(body.get("error") or body["message"])
    except (ValueError, KeyError, AttributeError):
        return f"{response.url} answered {response.status_code} {response.reason}"
