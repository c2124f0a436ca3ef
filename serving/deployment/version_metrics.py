"""Compare the versions of a model by TorchServe's /metrics (serving/torchserve/metrics.yaml).

Requests include all that workers got; predictions leave out health checks and the golden set of deployments.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import TypeAlias

import requests
from prometheus_client.parser import text_string_to_metric_families

from common.http import direct_session
from model.config import ModelConfig
from serving.client import ServiceError

TIMEOUT_S = 10.0
SETTLE_S = 0.1  # longer than a worker takes to write its counters, which it does once a second
MAX_SCRAPES = 20
STAGES = ("preprocess", "inference", "postprocess")
LABELS = ("outcome", "class", "stage", "le")  # each of a version's series has one of them, or none
OUTCOMES = ("bad_request", "failed")  # besides those of the model.yaml
VersionStats: TypeAlias = "dict[str, float | dict[str, float | None] | None]"
Series = dict[tuple[str, str, str], float]  # by counter, version and label


def compare_versions(
    metrics_url: str, config: ModelConfig, versions: Sequence[str], seconds: float = 0.0
) -> dict[str, VersionStats]:
    """Return the statistics of each version: of the next `seconds`, or, with 0, since the server's start.

    `refused` and `classes` are dictionaries, of the outcomes and of the shares of the labels. Only a classifier has
    `predictions`, `confidence` and `classes`.

    Raises ServiceError when `metrics_url` does not answer.
    """
    before = _scrape_settled(metrics_url, config.name) if seconds else {}
    time.sleep(seconds)
    now = _scrape_settled(metrics_url, config.name)
    for key, value in before.items():
        now[key] -= value
    return {version: _stats(now, config, version) for version in versions}


def _stats(series: Series, config: ModelConfig, version: str) -> VersionStats:
    """Compute the statistics of one version; a mean or share of nothing is None."""

    def total(counter: str, label: str = "") -> float:
        return series.get((counter, version, label), 0.0)

    requests, batches = total("handler_batch_size_sum"), total("handler_batch_size_count")
    batch_s = sum(total("handler_stage_duration_seconds_sum", stage) for stage in STAGES)
    stats: VersionStats = {
        "requests": requests,
        "refused": {name: total("handler_requests", name) for name in (*config.metrics.outcomes, *OUTCOMES)},
        "requests_in_a_batch": _ratio(requests, batches),
        "batch_ms": _ratio(1000 * batch_s, batches),
    }
    if config.labels:
        classes = {label: total("handler_predictions", label) for label in config.labels}
        predictions, confidences = sum(classes.values()), total("handler_prediction_confidence_count")
        stats |= {
            "predictions": predictions,
            "confidence": _ratio(total("handler_prediction_confidence_sum"), confidences),
            "uncertain": _ratio(total("handler_prediction_confidence_bucket", "0.9"), confidences),
            "classes": {label: _ratio(count, predictions) for label, count in classes.items()},
        }
    return stats


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _scrape_settled(metrics_url: str, model: str) -> Series:
    """Scrape until nothing has changed for `SETTLE_S`: in between, a sum and its count would not belong together."""
    series = _scrape(metrics_url, model)
    for _ in range(MAX_SCRAPES):
        time.sleep(SETTLE_S)
        previous, series = series, _scrape(metrics_url, model)
        if series == previous:
            break
    return series


def _scrape(metrics_url: str, model: str) -> Series:
    """Sum up a model's counters over all other labels. Raises ServiceError."""
    try:
        with direct_session() as session:
            text = session.get(f"{metrics_url}/metrics", timeout=TIMEOUT_S).text
    except requests.RequestException as error:
        raise ServiceError(f"no metrics at {metrics_url}; set their address with --metrics-url") from error
    return parse_counters(text, model)


def parse_counters(text: str, model: str) -> Series:
    """Parse a model's metrics in Prometheus' text format. Counters lack the suffix _total, as the parser has them.

    The parser appends _total to the samples of every counter, but the handler's histograms are counters named
    …_bucket, …_sum and …_count: only the names of the families are as they were written.
    """
    series: Series = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.labels.get("model_name") == model:
                label = next((sample.labels[name] for name in LABELS if name in sample.labels), "")
                series[family.name, sample.labels["model_version"], label] += sample.value
    return series
