"""Count batches and predictions in a worker and publish the sums once a second through TorchServe's /metrics.

TorchServe reads each metric as a line of the worker's output, so a line for each batch would cost more than the batch's
own bookkeeping. A batch only appends its figures to a queue; a thread adds them up once a second and writes the sums.
The last second before a worker is killed is lost.

TorchServe observes one value a line and has fixed buckets from 5 ms to 10 s. The histograms here are counters named as
Prometheus names the parts of a histogram (…_bucket{le=…}, …_sum, …_count): exact, with buckets that fit, and
histogram_quantile() accepts them. serving/torchserve/metrics.yaml declares all metrics; a server with another
metrics_config gets those that it declares.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from ts.metrics.metric_type_enum import MetricTypes

from model.config import ModelConfig

PERIOD_S = 1.0
BATCH_SIZE_BUCKETS = (1, 2, 4, 8, 12, 16, 32, 64)  # requests
DURATION_BUCKETS_S = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 1.0, 2.5)
CONFIDENCE_BUCKETS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)  # above the last, an image is as clear as MNIST's own
STAGES = ("preprocess", "inference", "postprocess")
OUTCOMES = ("ok", "bad_request", "failed")  # and those of the model.yaml

logger = logging.getLogger(__name__)


class Batch(NamedTuple):
    """The size of a batch, the outcome of each request that was not answered, the seconds of each stage."""

    size: int
    refused: Sequence[str]
    preprocess_s: float
    inference_s: float
    postprocess_s: float


class PredictionMetrics:
    """One worker's counters. `add` and `add_predictions` cost about a microsecond; `report` does the rest."""

    def __init__(self, cache: Any, model_name: str, version: str, config: ModelConfig) -> None:
        """Use TorchServe's metrics cache; `config` has the labels and the outcomes of the model."""
        self._declared = cache.cache.get(MetricTypes.COUNTER, {})
        self._model = (model_name, version)
        self._config = config
        self._batches: deque[Batch] = deque()
        self._predictions: deque[Mapping[str, Any]] = deque()
        self._known: set[tuple[str, ...]] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._report_always, name="metrics", daemon=True)

    def start(self) -> None:
        """Count the worker's start, write every series once so that rate() sees its first rise, start the thread."""
        self._count("handler_worker_starts_total", 1)
        self.report()
        self._thread.start()

    def stop(self) -> None:
        """End the reporting thread and wait for it. It cannot be started again."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def add(self, batch: Batch) -> None:
        """Add a batch to the next report."""
        self._batches.append(batch)

    def add_predictions(self, predictions: Iterable[Mapping[str, Any]]) -> None:
        """Add the predictions of a batch to the next report: the outputs of each request by name, each [n, …]."""
        self._predictions.extend(predictions)

    def report(self) -> None:
        """Write the sums over all that was added since the last report."""
        batches = _drain(self._batches)
        sizes, _, *stages = zip(*batches, strict=True) if batches else [()] * len(Batch._fields)
        self._observe("handler_batch_size", sizes, BATCH_SIZE_BUCKETS)
        for stage, seconds in zip(STAGES, stages, strict=True):
            self._observe("handler_stage_duration_seconds", seconds, DURATION_BUCKETS_S, stage)
        outcomes = Counter(outcome for batch in batches for outcome in batch.refused)
        outcomes["ok"] = sum(sizes) - outcomes.total()
        for outcome in (*OUTCOMES, *self._config.metrics.outcomes):
            self._count("handler_requests_total", outcomes[outcome], outcome)
        if self._config.labels:
            self._report_predictions(_drain(self._predictions))

    def _report_predictions(self, predictions: Sequence[Mapping[str, Any]]) -> None:
        classes = _concatenate([prediction[self._config.label_output] for prediction in predictions]).astype(np.int64)
        counts = np.bincount(classes, minlength=len(self._config.labels))
        for label, count in zip(self._config.labels, counts, strict=True):
            self._count("handler_predictions_total", int(count), label)
        confidences = _concatenate([p["confidence"] for p in predictions if "confidence" in p])
        self._observe("handler_prediction_confidence", confidences, CONFIDENCE_BUCKETS)

    def _observe(self, name: str, values: Any, bounds: Sequence[float], *labels: str) -> None:
        """Add values to a histogram with cumulative buckets: each counts the values up to its bound."""
        ordered = np.sort(np.asarray(values, np.float64))
        for bound, count in zip(bounds, np.searchsorted(ordered, bounds, side="right"), strict=True):
            self._count(f"{name}_bucket", int(count), *labels, f"{bound:g}")
        self._count(f"{name}_bucket", len(ordered), *labels, "+Inf")
        self._count(f"{name}_count", len(ordered), *labels)
        self._count(f"{name}_sum", float(ordered.sum()), *labels)

    def _count(self, name: str, increment: float, *labels: str) -> None:
        """Add to a declared counter; 0 is written only once, so that the series exists."""
        series = (name, *labels)
        if name in self._declared and (increment or series not in self._known):
            self._known.add(series)
            self._declared[name].add_or_update(increment, [*self._model, *labels])

    def _report_always(self) -> None:
        while not self._stopped.wait(PERIOD_S):  # time.sleep fails under libfaketime, which a test uses
            try:
                if self._batches:
                    self.report()
            except Exception:
                logger.exception("metrics could not be reported")


def _drain(queue: deque[Any]) -> list[Any]:
    """Remove and return the items that are in the queue now; another thread may go on appending."""
    return [queue.popleft() for _ in range(len(queue))]


def _concatenate(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.empty(0)
