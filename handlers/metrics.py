"""What a worker tells Prometheus of its batches and answers, through TorchServe's /metrics.

TorchServe reads each metric as a line of the worker's output, so a line for each batch would cost more than the batch's
own bookkeeping. Here a batch only leaves its figures; once a second a thread adds them up and writes the sums. What a
worker did in the second before it was killed is lost.

TorchServe observes one value a line and has buckets fixed from 5 ms to 10 s. The histograms here are counters named as
Prometheus names the parts of a histogram (…_bucket{le=…}, …_sum, …_count): exact, with bounds that fit, and
histogram_quantile() takes them as they are. serving/torchserve/metrics.yaml declares them all; a server that has another
metrics_config gets those that it declares.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from ts.metrics.metric_type_enum import MetricTypes

from torchserve_patches.metric_lines import drop_prediction_time

PERIOD_S = 1.0
SIZES = (1, 2, 4, 8, 12, 16, 32, 64)  # requests
SECONDS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 1.0, 2.5)
CONFIDENCES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)  # above the last, a digit is as sure as MNIST's own
OUTCOMES = ("ok", "bad_request", "no_digit", "failed")

logger = logging.getLogger(__name__)


class Batch(NamedTuple):
    """How many requests came together, why some were refused (one of OUTCOMES each), and the seconds it took."""

    size: int
    refused: Sequence[str]
    preprocess_s: float
    inference_s: float
    postprocess_s: float


class PredictionMetrics:
    """One worker's counters. `add` and `add_digits` cost about a microsecond; `report` does the rest."""

    def __init__(self, cache: Any, model_name: str, version: str, digits: int = 0) -> None:
        """Take TorchServe's metrics cache; `digits` is how many classes a net tells apart, 0 for one that doesn't."""
        self._declared = cache.cache.get(MetricTypes.COUNTER, {})
        self._model = (model_name, version)
        self._digits = digits
        self._batches: deque[Batch] = deque()
        self._probabilities: deque[NDArray[np.float32]] = deque()
        self._known: set[tuple[str, ...]] = set()
        drop_prediction_time(cache)

    def start(self) -> None:
        """Say that a worker is there, begin every series at 0, as rate() needs it, and report from now on."""
        self._count("handler_worker_starts_total", 1)
        self.report()
        threading.Thread(target=self._report_always, name="metrics", daemon=True).start()

    def add(self, batch: Batch) -> None:
        self._batches.append(batch)

    def add_digits(self, probabilities: NDArray[np.float32]) -> None:
        """Note what was answered: probabilities [n, digits]."""
        self._probabilities.append(probabilities)

    def report(self) -> None:
        """Write what was added since the last report."""
        batches = _drained(self._batches)
        sizes, _, *stages = zip(*batches, strict=True) if batches else [()] * len(Batch._fields)
        self._observe("handler_batch_size", sizes, SIZES)
        for stage, seconds in zip(("preprocess", "inference", "postprocess"), stages, strict=True):
            self._observe("handler_stage_duration_seconds", seconds, SECONDS, stage)
        outcomes = Counter(outcome for batch in batches for outcome in batch.refused)
        outcomes["ok"] = sum(sizes) - outcomes.total()
        for outcome in OUTCOMES:
            self._count("handler_requests_total", outcomes[outcome], outcome)
        if self._digits:
            self._report_digits(_drained(self._probabilities))

    def _report_digits(self, answered: Sequence[NDArray[np.float32]]) -> None:
        probabilities = np.concatenate(answered) if answered else np.empty((0, self._digits), np.float32)
        for digit, count in enumerate(np.bincount(probabilities.argmax(axis=1), minlength=self._digits)):
            self._count("handler_predictions_total", int(count), str(digit))
        self._observe("handler_prediction_confidence", probabilities.max(axis=1), CONFIDENCES)

    def _observe(self, name: str, values: Any, bounds: Sequence[float], *labels: str) -> None:
        """Add to a histogram whose buckets each hold what is at most their bound."""
        ordered = np.sort(np.asarray(values, np.float64))
        for bound, count in zip(bounds, np.searchsorted(ordered, bounds, side="right"), strict=True):
            self._count(f"{name}_bucket", int(count), *labels, f"{bound:g}")
        self._count(f"{name}_bucket", len(ordered), *labels, "+Inf")
        self._count(f"{name}_count", len(ordered), *labels)
        self._count(f"{name}_sum", float(ordered.sum()), *labels)

    def _count(self, name: str, increment: float, *labels: str) -> None:
        series = (name, *labels)
        if name in self._declared and (increment or series not in self._known):
            self._known.add(series)
            self._declared[name].add_or_update(increment, [*self._model, *labels])

    def _report_always(self) -> None:
        end = threading.Event()  # never set; time.sleep fails under libfaketime, which lets the clock jump in a test
        while not end.wait(PERIOD_S):
            try:
                if self._batches:
                    self.report()
            except Exception:
                logger.exception("metrics could not be reported")


def _drained(queue: deque[Any]) -> list[Any]:
    """Take what is there; the worker may go on adding."""
    return [queue.popleft() for _ in range(len(queue))]
