"""Compare the versions of the model by TorchServe's /metrics (serving/torchserve/metrics.yaml).

Requests include all that workers got; predictions leave out health checks and the golden set of deployments.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence

import requests
from prometheus_client.parser import text_string_to_metric_families

from common.http import direct_session
from serving.client import ServiceError
from serving.deployment.deploy import MODEL

TIMEOUT_S = 10.0
SETTLE_S = 0.1  # longer than a worker takes to write its counters, which it does once a second
MAX_SCRAPES = 20
NUM_CLASSES = 10
STAGES = ("preprocess", "inference", "postprocess")
LABELS = ("outcome", "class", "stage", "le")  # each of a version's series has one of them, or none
VersionStats = dict[str, float | None]
Series = dict[tuple[str, str, str], float]  # by counter, version and label


def compare_versions(metrics_url: str, versions: Sequence[str], seconds: float = 0.0) -> dict[str, VersionStats]:
    """Return the statistics of each version: of the next `seconds`, or, with 0, since the server's start.

    Raises ServiceError when `metrics_url` does not answer.
    """
    before = _scrape_settled(metrics_url) if seconds else {}
    time.sleep(seconds)
    now = _scrape_settled(metrics_url)
    for key, value in before.items():
        now[key] -= value
    return {version: _stats(now, version) for version in versions}


def _stats(series: Series, version: str) -> VersionStats:
    """Compute the statistics of one version; a mean or share of nothing is None."""

    def total(counter: str, label: str = "") -> float:
        return series.get((counter, version, label), 0.0)

    predictions, batches = total("handler_prediction_confidence_count"), total("handler_batch_size_count")
    batch_s = sum(total("handler_stage_duration_seconds_sum", stage) for stage in STAGES)
    classes = [str(number) for number in range(NUM_CLASSES)]
    return {
        "requests": total("handler_batch_size_sum"),
        "no_digit": total("handler_requests", "no_digit"),
        "bad_request": total("handler_requests", "bad_request"),
        "failed": total("handler_requests", "failed"),
        "requests_in_a_batch": _ratio(total("handler_batch_size_sum"), batches),
        "batch_ms": _ratio(1000 * batch_s, batches),
        "digits": predictions,
        "confidence": _ratio(total("handler_prediction_confidence_sum"), predictions),
        "uncertain": _ratio(total("handler_prediction_confidence_bucket", "0.9"), predictions),
        **{name: _ratio(total("handler_predictions", name), predictions) for name in classes},
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _scrape_settled(metrics_url: str) -> Series:
    """Scrape until nothing has changed for `SETTLE_S`: in between, a sum and its count would not belong together."""
    series = _scrape(metrics_url)
    for _ in range(MAX_SCRAPES):
        time.sleep(SETTLE_S)
        previous, series = series, _scrape(metrics_url)
        if series == previous:
            break
    return series


def _scrape(metrics_url: str) -> Series:
    """Sum up the model's counters over all other labels. Raises ServiceError."""
    try:
        with direct_session() as session:
            text = session.get(f"{metrics_url}/metrics", timeout=TIMEOUT_S).text
    except requests.RequestException as error:
        raise ServiceError(f"no metrics at {metrics_url}; set their address with --metrics-url") from error
    return parse_counters(text)


def parse_counters(text: str) -> Series:
    """Parse metrics in Prometheus' text format. A counter is named without the suffix _total, as the parser has it.

    The parser appends _total to the samples of every counter, but the handler's histograms are counters named
    …_bucket, …_sum and …_count: only the names of the families are as they were written.
    """
    series: Series = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.labels.get("model_name") == MODEL:
                label = next((sample.labels[name] for name in LABELS if name in sample.labels), "")
                series[family.name, sample.labels["model_version"], label] += sample.value
    return series
