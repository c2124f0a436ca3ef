"""The counters of a worker, read from the lines that it writes for TorchServe."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import Counter

import numpy as np
import pytest
import yaml
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl

from handlers.metrics import (
    BATCH_SIZE_BUCKETS,
    CONFIDENCE_BUCKETS,
    DURATION_BUCKETS_S,
    OUTCOMES,
    Batch,
    PredictionMetrics,
)
from model import config
from tests.support.handlers import METRICS

# The pattern by which TorchServe's frontend parses a line: org/pytorch/serve/metrics/Metric.java.
LINE = re.compile(r"\[METRICS\]([\w\s]+)\.([\w\s]+):([0-9\-,.e]+)\|#([^|]*)\|#type:COUNTER\|#hostname:[^,]+,\d+")


@pytest.fixture
def cache():
    cache = MetricsCacheYamlImpl(str(METRICS))
    cache.initialize_cache()
    return cache


@pytest.fixture
def written(caplog):
    """Return a function that sums up the lines written so far, by name and labels but the model's."""
    caplog.set_level(logging.INFO, "ts.metrics")

    def read():
        sums = Counter()
        for line in caplog.messages:
            if line.startswith("[METRICS]"):
                name, _, value, labels = LINE.fullmatch(line).groups()
                own = [label for label in labels.split(",") if not label.startswith("model_")]
                sums[" ".join([name, *own])] += float(value)
        return sums

    return read


def reported(metrics):
    metrics.report()
    return metrics


def test_every_series_begins_at_zero(cache, written):
    reported(PredictionMetrics(cache, "mnist", "1.0", config.load("mnist")))
    assert not any(written().values())
    assert {f"handler_predictions_total class:{digit}" for digit in range(10)} <= set(written())
    outcomes = len(OUTCOMES) + len(config.load("mnist").metrics.outcomes)
    buckets = len(BATCH_SIZE_BUCKETS) + 3 * len(DURATION_BUCKETS_S) + len(CONFIDENCE_BUCKETS)
    assert len(written()) == outcomes + buckets + 5 * 3 + 10


def test_each_batch_is_counted_once(cache, written, caplog):
    metrics = reported(PredictionMetrics(cache, "mnist", "1.0", config.load("mnist")))
    metrics.add(Batch(3, ["no_digit"], 0.002, 0.0001, 0.3))
    metrics.add(Batch(16, [], 0.004, 0.0002, 0.00001))
    metrics.add_predictions([{"digit": np.array([7, 7, 1]), "confidence": np.full(3, 0.95, np.float32)}])
    sums = reported(metrics) and written()
    assert sums["handler_requests_total outcome:ok"] == 18
    assert sums["handler_requests_total outcome:no_digit"] == 1
    assert sums["handler_batch_size_count"] == 2
    assert sums["handler_batch_size_sum"] == 19
    assert [sums[f"handler_batch_size_bucket le:{size}"] for size in (2, 4, 16)] == [0, 1, 2]
    assert sums["handler_stage_duration_seconds_sum stage:preprocess"] == pytest.approx(0.006)
    assert sums["handler_stage_duration_seconds_bucket stage:inference le:0.0001"] == 1
    assert sums["handler_stage_duration_seconds_bucket stage:postprocess le:+Inf"] == 2
    assert sums["handler_predictions_total class:7"] == 2
    assert sums["handler_prediction_confidence_count"] == 3
    assert sums["handler_prediction_confidence_bucket le:0.9"] == 0
    assert sums["handler_prediction_confidence_bucket le:0.99"] == 3
    caplog.clear()
    metrics.report()
    assert not caplog.messages


def test_the_labels_are_in_the_order_that_torchserve_takes_them(cache, caplog):
    caplog.set_level(logging.INFO, "ts.metrics")
    PredictionMetrics(cache, "mnist", "2.1", config.load("mnist")).report()
    declared = {m["name"]: m["dimensions"] for m in yaml.safe_load(METRICS.read_text())["model_metrics"]["counter"]}
    for line in caplog.messages:
        name, _, _, labels = LINE.fullmatch(line).groups()
        assert [label.split(":")[0] for label in labels.split(",")] == declared[name]
        assert labels.startswith("model_name:mnist,model_version:2.1")


def test_a_server_with_other_metrics_gets_what_it_declares(cache, written):
    del cache.cache[next(iter(cache.cache))]["handler_requests_total"]
    metrics = PredictionMetrics(cache, "mnist", "1.0", config.load("mnist"))
    metrics.add(Batch(1, [], 0.0, 0.0, 0.0))
    metrics.report()
    assert written()["handler_batch_size_count"] == 1
    assert "handler_requests_total outcome:ok" not in written()


def metrics_threads():
    return [thread for thread in threading.enumerate() if thread.name == "metrics"]


def test_stop_ends_the_thread(cache):
    before = metrics_threads()
    metrics = PredictionMetrics(cache, "mnist", "1.0", config.load("mnist"))
    metrics.start()
    assert len(metrics_threads()) == len(before) + 1
    metrics.stop()
    assert metrics_threads() == before
    metrics.stop()


def test_a_loaded_handler_of_the_tests_has_no_thread(mnist_handler, xor_handler):
    assert mnist_handler.handler.metrics is not xor_handler.handler.metrics
    assert not metrics_threads()


def test_the_thread_reports_by_itself(cache, written, monkeypatch):
    monkeypatch.setattr("handlers.metrics.PERIOD_S", 0.01)
    metrics = PredictionMetrics(cache, "mnist", "1.0", config.load("mnist"))
    metrics.start()
    try:
        metrics.add(Batch(2, [], 0.0, 0.0, 0.0))
        deadline_s = time.monotonic() + 10
        while not written()["handler_requests_total outcome:ok"] and time.monotonic() < deadline_s:
            time.sleep(0.01)
    finally:
        metrics.stop()
    assert written()["handler_requests_total outcome:ok"] == 2
