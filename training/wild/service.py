"""The same pictures asked of a running server, as people send them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import requests

from training.command import UserError
from training.wild.samples import Sample
from training.wild.scores import Answers

TIMEOUT_S = 30.0


def ask_server(url: str, samples: Iterable[Sample]) -> Answers:
    """Post each picture to the server's /predictions/mnist. Raises UserError when there is no server or it fails."""
    with requests.Session() as session:
        session.trust_env = False  # a proxy between us and the loopback is never meant
        return np.array([ask(session, url, sample.data) for sample in samples], np.float32)


def ask(session: requests.Session, url: str, data: bytes) -> list[float]:
    """The ten probabilities; all 0 when the picture is refused."""
    try:
        response = session.post(f"{url.rstrip('/')}/predictions/mnist", data, timeout=TIMEOUT_S)
        if response.status_code == requests.codes.bad_request:
            return [0.0] * 10
        response.raise_for_status()
        return list(response.json()["probabilities"])
    except (requests.RequestException, LookupError, TypeError) as error:
        why = f"{url} gives no prediction ({type(error).__name__})"
        raise UserError(f"{why}: start the server with `make serve`, or name the one that runs") from error
