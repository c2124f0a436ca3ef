"""Predictors of image files: a local net after some preprocessing, or a server over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import requests
import torch

from common.errors import UserError
from handlers.errors import ClientError
from training import weights
from training.mnist.robustness.ablation import Preprocess
from training.mnist.robustness.samples import Sample

Probabilities = npt.NDArray[np.float32]  # [n, 10]; zeros for a refused picture
Predictor = Callable[[Iterable[Sample]], Probabilities]
Classifier = Callable[[npt.NDArray[np.uint8]], Probabilities]  # of [n, 28, 28]

TIMEOUT_S = 60


def load_classifier(weights_path: Path) -> Classifier:
    """Return the classifier at `weights_path`, with the temperature that its report names, as the handler has it."""
    net = weights.load_net("mnist", weights_path)
    temperature = weights.load_report(weights_path)["temperature"]

    @torch.inference_mode()
    def classify(pixels: npt.NDArray[np.uint8]) -> Probabilities:
        logits = net(torch.from_numpy(pixels.reshape(-1, 784)) / 255)
        return np.asarray((logits / temperature).softmax(dim=1))

    return classify


def local_predictor(preprocess: Preprocess, classify: Classifier) -> Predictor:
    """Return a predictor that preprocesses each picture and classifies all of them in one batch."""

    def predict(samples: Iterable[Sample]) -> Probabilities:
        pixels, refused = [], []
        for sample in samples:
            try:
                pixels.append(preprocess(sample.data))
                refused.append(False)
            except ClientError:
                pixels.append(np.zeros((28, 28), np.uint8))
                refused.append(True)
        return np.where(np.array(refused)[:, None], 0, classify(np.stack(pixels))).astype(np.float32)

    return predict


def http_predictor(url: str) -> Predictor:
    """Return a predictor that posts each picture to the service at `url`.

    It raises UserError when a response is neither a prediction nor a request to send one digit.
    """

    def predict(samples: Iterable[Sample]) -> Probabilities:
        with requests.Session() as session:
            return np.stack([_post(session, url, sample) for sample in samples])

    return predict


def _post(session: requests.Session, url: str, sample: Sample) -> Probabilities:
    octets = {"Content-Type": "application/octet-stream"}
    try:
        response = session.post(f"{url}/predictions/mnist", sample.data, headers=octets, timeout=TIMEOUT_S)
        answer = response.json()
    except requests.RequestException as error:
        raise UserError(f"{url} does not answer ({type(error).__name__}): start it with `make serve`") from error
    if response.status_code == 400 and "send one digit" in answer.get("error", ""):
        return np.zeros(10, np.float32)
    if response.status_code != 200:
        raise UserError(f"{url} answered {response.status_code} to a picture of {sample.corruption}: {answer}")
    return np.array(answer["probabilities"], np.float32)
