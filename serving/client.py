"""Clients of the service, for any model.

with Client() as client:
    print(client.predict("mnist", "model/mnist/samples/7.png")["digit"])
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

import psutil
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from common.errors import UserError
from common.http import direct_session
from serving.encoding import Data, encode, encode_many

INFERENCE_URL = "http://127.0.0.1:8080"
MANAGEMENT_URL = "http://127.0.0.1:8081"
TIMEOUT_S = 10.0
RETRIES = 3
START_TIMEOUT_S = 120.0  # for a worker to import torch and load the net

Prediction: TypeAlias = dict[str, Any]  # the outputs of protocols.v1 in the model.yaml, by name
AnyClient = TypeVar("AnyClient", bound="_Closing")


class ServiceError(UserError):
    """The server refused a request, or did not answer; the message is one sentence, the server's own where it has one.

    `status` is the HTTP status, or None when there was no response.
    """

    def __init__(self, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status


class _Connection:
    """JSON over HTTP with one address. Requests with `methods`, None for all, are retried after a 503."""

    def __init__(self, url: str, timeout_s: float, retries: int, methods: Sequence[str] | None) -> None:
        self.session = direct_session()
        self._url, self._timeout_s = url, timeout_s
        retry = Retry(
            retries,
            read=False,
            status_forcelist=[503],
            allowed_methods=methods,
            backoff_factor=0.2,
            raise_on_status=False,
        )
        self.session.mount(url, HTTPAdapter(max_retries=retry))

    def json(self, method: str, path: str, **options: Any) -> Any:
        """Return the JSON of the response. Raises ServiceError."""
        url = f"{self._url}/{path}"
        try:
            response = self.session.request(method, url, timeout=self._timeout_s, **options)
        except requests.ConnectionError as error:
            raise ServiceError(f"nothing answers at {url}; start the server with `make serve`") from error
        except requests.Timeout as error:
            raise ServiceError(f"{url} did not answer in time") from error
        if not response.ok:
            raise ServiceError(_error_message(response), response.status_code)
        return response.json()


class _Closing:
    """A client that is closed when its `with` block ends."""

    def __enter__(self: AnyClient) -> AnyClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        raise NotImplementedError


class InferenceClient(_Closing):
    """Sends inputs to the models of a server or a gateway. Safe to use from one thread at a time.

    Requests that fail to connect, or find the queue full (503), are retried `retries` times, after 0.2 s and twice as
    long each time. Every method raises ServiceError. With `is_probe`, predictions are health checks, which the
    server's metrics of predictions leave out.

    An input is the path or the bytes of a file, a PIL image, an array or a list. A uint8 array is pixels from 0 to 255
    and sent as .npy; other arrays and lists are sent as numbers in JSON.
    """

    def __init__(
        self, url: str = INFERENCE_URL, timeout_s: float = TIMEOUT_S, retries: int = RETRIES, is_probe: bool = False
    ) -> None:
        # A prediction changes nothing, so its POST may be repeated.
        self._inference = _Connection(url, timeout_s, retries, methods=None)
        if is_probe:
            self._inference.session.headers["X-Health-Check"] = "true"

    def close(self) -> None:
        self._inference.session.close()

    def predict(self, model: str, data: Data, version: str | None = None) -> Prediction:
        """Return the prediction of one input. A path that ends in .json is a request: its first prediction."""
        return self.request(model, data, version)[0]

    def predict_many(self, model: str, inputs: Iterable[Data], version: str | None = None) -> list[Prediction]:
        """Predict many inputs, in order, in as few requests as possible. An array uint8 [n, …] is the fastest."""
        bodies = encode_many(inputs)
        return [prediction for body in bodies for prediction in self._post("predictions", model, version, *body)]

    def explain(self, model: str, data: Data, version: str | None = None) -> Prediction:
        """Return the prediction of one input with the outputs that explain it; not every model has them."""
        return self.request(model, data, version, explain=True)[0]

    def request(self, model: str, data: Data, version: str | None = None, *, explain: bool = False) -> list[Prediction]:
        """Return the predictions of all inputs in one request, such as a .json file with several instances."""
        return self._post("explanations" if explain else "predictions", model, version, *encode(data))

    def _post(self, route: str, model: str, version: str | None, body: bytes, content_type: str) -> list[Prediction]:
        path = f"{route}/{model}" + (f"/{version}" if version else "")
        response = self._inference.json("POST", path, data=body, headers={"Content-Type": content_type})
        return list(response["predictions"]) if "predictions" in response else [response]


class ManagementClient(_Closing):
    """Manages the models of a server. Every method raises ServiceError. Changes are sent once, whatever happens."""

    def __init__(self, url: str = MANAGEMENT_URL, timeout_s: float = TIMEOUT_S, retries: int = RETRIES) -> None:
        self._management = _Connection(url, timeout_s, retries, methods=["GET"])

    def close(self) -> None:
        self._management.session.close()

    def models(self) -> dict[str, str]:
        """Return the registered models' names and archives."""
        models = self._management.json("GET", "models", params={"limit": 1000})["models"]
        return {model["modelName"]: model["modelUrl"] for model in models}

    def describe(self, model: str, version: str | None = None, *, customized: bool = False) -> dict[str, Any]:
        """Return a model's version, workers, batch size and queue; `customized` adds the handler's own description."""
        params = {"customized": "true"} if customized else {}
        (description,) = self._management.json("GET", _path(model, version), params=params)
        return dict(description)

    def describe_all(self, model: str) -> list[dict[str, Any]]:
        """Return the description of every registered version."""
        return [dict(description) for description in self._management.json("GET", _path(model, "all"))]

    def register(self, archive: str, workers: int = 1, check: Callable[[], None] = lambda: None) -> str:
        """Register an archive of the model store and wait for its workers; unregister it again if they fail.

        `check` is called again and again meanwhile, and ends the wait by raising. TorchServe could wait itself
        ("synchronous"), but would block a thread that also answers predictions.
        """
        before = self._registered()
        params = {"url": archive, "initial_workers": workers, "synchronous": "false"}
        self._status("POST", "models", params=params)
        for model, version in self._registered() - before:
            try:
                self.wait_ready(model, version, check=check)
            except BaseException:
                self.unregister(model, version)
                raise
            return f"{model} {version} registered, its workers are ready"
        raise ServiceError(f"{archive} was unregistered before its workers were ready")

    def scale(self, model: str, workers: int, version: str | None = None) -> str:
        """Set the number of workers and wait for them."""
        params = {"min_worker": workers, "max_worker": workers, "synchronous": "false"}
        self._status("PUT", _path(model, version), params=params)
        self.wait_ready(model, version)
        return f"{model} has {workers} workers"

    def wait_ready(
        self,
        model: str,
        version: str | None = None,
        timeout_s: float = START_TIMEOUT_S,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Wait until all workers are ready. Raises ServiceError after `timeout_s`, or when a local worker ends."""
        deadline = time.monotonic() + timeout_s
        while not is_ready(description := self.describe(model, version)):
            name = f"{description['modelName']} {description['modelVersion']}"
            starting = [worker["pid"] for worker in description["workers"] if worker["status"] != "READY"]
            if any(pid > 0 and not psutil.pid_exists(pid) for pid in starting):
                raise ServiceError(f"a worker of {name} ended while it started; the reason is in the server's log")
            check()
            if time.monotonic() > deadline:
                raise ServiceError(f"the workers of {name} were not ready after {timeout_s:.0f} s")
            time.sleep(0.1)

    def set_default(self, model: str, version: str) -> str:
        """Make `version` the default: it answers requests that name no version."""
        return self._status("PUT", f"{_path(model, version)}/set-default")

    def unregister(self, model: str, version: str | None = None) -> str:
        """Remove a model. Its archive stays in the model store."""
        return self._status("DELETE", _path(model, version))

    def _registered(self) -> set[tuple[str, str]]:
        """Return every model and version."""
        return {(name, v["modelVersion"]) for name in self.models() for v in self.describe_all(name)}

    def _status(self, method: str, path: str, **options: Any) -> str:
        return str(self._management.json(method, path, **options)["status"])


class Client(InferenceClient, ManagementClient):
    """Both clients, for a server on this machine."""

    def __init__(
        self,
        inference: str = INFERENCE_URL,
        management: str = MANAGEMENT_URL,
        timeout_s: float = TIMEOUT_S,
        retries: int = RETRIES,
        is_probe: bool = False,
    ) -> None:
        InferenceClient.__init__(self, inference, timeout_s, retries, is_probe)
        ManagementClient.__init__(self, management, timeout_s, retries)

    def close(self) -> None:
        InferenceClient.close(self)
        ManagementClient.close(self)


def is_ready(description: dict[str, Any]) -> bool:
    """Check in the result of `describe` whether all workers of a version are ready."""
    workers = description["workers"]
    return len(workers) >= description["minWorkers"] and all(worker["status"] == "READY" for worker in workers)


def _path(model: str, version: str | None) -> str:
    return f"models/{model}" + (f"/{version}" if version else "")


def _error_message(response: requests.Response) -> str:
    """Return the server's sentence: "error" is the handler's, "message" TorchServe's."""
    try:
        body = response.json()
        return str(body.get("error") or body["message"])
    except (ValueError, KeyError, AttributeError):
        return f"{response.url} answered {response.status_code} {response.reason}"
