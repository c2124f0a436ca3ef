"""What each version of the model has done, side by side, from TorchServe's /metrics (serving/torchserve/metrics.yaml).

Requests are all that workers got; digits leave out health checks and the golden digits of deployments.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Sequence

import requests

from serving.client import ServiceError
from serving.deployment.deploy import MODEL

SERIES = re.compile(r"^(\w+)\{(.*)\} (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')
TIMEOUT_S = 10.0
Figures = dict[str, float | None]
Samples = dict[tuple[str, ...], float]


def watched(address: str, versions: Sequence[str], seconds: float = 0.0) -> dict[str, Figures]:
    """Tell each version's figures: those of the next `seconds`, or, with 0, those since the server's start."""
    before: Samples = {}
    if seconds:
        before = _scraped(address)
        time.sleep(seconds)
    now = _scraped(address)
    for key, value in before.items():
        now[key] -= value
    return {version: _figures(now, version) for version in versions}


def _figures(samples: Samples, version: str) -> Figures:
    """Name what people compare; a mean of nothing is None."""

    def of(name: str, label: str = "") -> float:
        return samples.get((name, version, label), 0.0)

    digits, batches = of("handler_prediction_confidence_count"), of("handler_batch_size_count")
    stages_s = sum(of("handler_stage_duration_seconds_sum", stage) for stage in ("read", "net", "render"))
    answered = {str(digit): _share(of("handler_predictions_total", str(digit)), digits) for digit in range(10)}
    return {
        "requests": of("handler_batch_size_sum"),
        "no_digit": of("handler_requests_total", "no_digit"),
        "bad_request": of("handler_requests_total", "bad_request"),
        "failed": of("handler_requests_total", "failed"),
        "requests_in_a_batch": _share(of("handler_batch_size_sum"), batches),
        "batch_ms": _share(1000 * stages_s, batches),
        "digits": digits,
        "confidence": _share(of("handler_prediction_confidence_sum"), digits),
        "uncertain": _share(of("handler_prediction_confidence_bucket", "0.9"), digits),
        **answered,
    }


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _scraped(address: str) -> Samples:
    """Add up the series by name, version, and the label that tells a version's series apart, if any."""
    try:
        with requests.Session() as session:
            session.trust_env = False
            text = session.get(f"{address}/metrics", timeout=TIMEOUT_S).text
    except requests.RequestException as error:
        raise ServiceError(f"no metrics are at {address}; --metrics says where they are") from error
    samples: Samples = defaultdict(float)
    for name, labels, value in SERIES.findall(text):
        named = dict(LABEL.findall(labels))
        if named.get("model_name") == MODEL:
            more = next((named[label] for label in ("outcome", "digit", "stage", "le") if label in named), "")
            samples[name, named["model_version"], more] += float(value)
    return samples
