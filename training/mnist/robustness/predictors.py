"""Who reads the pictures: a net on this machine after some way to 28 by 28, or a server over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import requests
import torch

from common.cli import UserError
from handlers.errors import ClientError
from training import weights
from training.mnist.robustness.ablation import Read
from training.mnist.robustness.samples import Sample

Probabilities = npt.NDArray[np.float32]  # [n, 10]; all 0 where a picture was refused
Reader = Callable[[Iterable[Sample]], Probabilities]
Predict = Callable[[npt.NDArray[np.uint8]], Probabilities]  # of [n, 28, 28]

TIMEOUT_S = 60


def predictor(weights_path: Path) -> Predict:
    """Softmax of the net whose weights and report are at `weights_path`, as the handler computes it."""
    net = weights.mnist_net(weights.load_state(weights_path))
    temperature = weights.load_report(weights_path)["temperature"]

    @torch.inference_mode()
    def predict(pixels: npt.NDArray[np.uint8]) -> Probabilities:
        logits = net(torch.from_numpy(pixels.reshape(-1, 784)) / 255)
        return np.asarray((logits / temperature).softmax(dim=1))

    return predict


def on_this_machine(read: Read, predict: Predict) -> Reader:
    """Bring each picture to 28 by 28 with `read`, and ask `predict` for all at once."""

    def reader(samples: Iterable[Sample]) -> Probabilities:
        pixels, refused = [], []
        for sample in samples:
            try:
                pixels.append(read(sample.data))
                refused.append(False)
            except ClientError:
                pixels.append(np.zeros((28, 28), np.uint8))
                refused.append(True)
        return np.where(np.array(refused)[:, None], 0, predict(np.stack(pixels))).astype(np.float32)

    return reader


def over_http(url: str) -> Reader:
    """Post each picture to the service at `url`. Raises UserError when it answers neither a digit nor a refusal."""

    def reader(samples: Iterable[Sample]) -> Probabilities:
        with requests.Session() as session:
            return np.stack([_asked(session, url, sample) for sample in samples])

    return reader


def _asked(session: requests.Session, url: str, sample: Sample) -> Probabilities:
    octets = {"Content-Type": "application/octet-stream"}
    try:
        response = session.post(f"{url}/predictions/mnist", sample.data, headers=octets, timeout=TIMEOUT_S)
        answer = response.json()
    except requests.RequestException as error:
        raise UserError(f"{url} does not answer ({type(error).__name__}): start it with `make serve`") from error
    if response.status_code == 400 and "no digit found" in answer.get("error", ""):
        return np.zeros(10, np.float32)
    if response.status_code != 200:
        raise UserError(f"{url} answered {response.status_code} to a picture of kind {sample.kind}: {answer}")
    return np.array(answer["probabilities"], np.float32)
