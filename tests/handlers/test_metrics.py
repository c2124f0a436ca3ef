"""What a worker counts, read from the lines that it writes for TorchServe."""

from __future__ import annotations

import logging
import re
from collections import Counter

import numpy as np
import pytest
import yaml
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl

from handlers.metrics import CONFIDENCES, SECONDS, SIZES, Batch, PredictionMetrics
from tests.support.handlers import METRICS

# What TorchServe's frontend makes of a line: org/pytorch/serve/metrics/Metric.java.
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
    reported(PredictionMetrics(cache, "mnist", "1.0", digits=10))
    assert not any(written().values())
    assert {f"handler_predictions_total digit:{digit}" for digit in range(10)} <= set(written())
    assert len(written()) == 4 + len(SIZES) + 3 + 3 * (len(SECONDS) + 3) + 10 + len(CONFIDENCES) + 3


def test_what_happened_is_written_once(cache, written, caplog):
    metrics = reported(PredictionMetrics(cache, "mnist", "1.0", digits=10))
    metrics.add(Batch(3, ["no_digit"], 0.002, 0.0001, 0.3))
    metrics.add(Batch(16, [], 0.004, 0.0002, 0.00001))
    metrics.add_digits(np.eye(10, dtype=np.float32)[[7, 7, 1]] * 0.95)
    sums = reported(metrics) and written()
    assert sums["handler_requests_total outcome:ok"] == 18
    assert sums["handler_requests_total outcome:no_digit"] == 1
    assert sums["handler_batch_size_count"] == 2
    assert sums["handler_batch_size_sum"] == 19
    assert [sums[f"handler_batch_size_bucket le:{size}"] for size in (2, 4, 16)] == [0, 1, 2]
    assert sums["handler_stage_duration_seconds_sum stage:read"] == pytest.approx(0.006)
    assert sums["handler_stage_duration_seconds_bucket stage:net le:0.0001"] == 1
    assert sums["handler_stage_duration_seconds_bucket stage:render le:+Inf"] == 2
    assert sums["handler_predictions_total digit:7"] == 2
    assert sums["handler_prediction_confidence_count"] == 3
    assert sums["handler_prediction_confidence_bucket le:0.9"] == 0
    assert sums["handler_prediction_confidence_bucket le:0.99"] == 3
    caplog.clear()
    metrics.report()
    assert not caplog.messages


def test_the_labels_are_in_the_order_that_torchserve_takes_them(cache, caplog):
    caplog.set_level(logging.INFO, "ts.metrics")
    PredictionMetrics(cache, "mnist", "2.1", digits=10).report()
    declared = {m["name"]: m["dimensions"] for m in yaml.safe_load(METRICS.read_text())["model_metrics"]["counter"]}
    for line in caplog.messages:
        name, _, _, labels = LINE.fullmatch(line).groups()
        assert [label.split(":")[0] for label in labels.split(",")] == declared[name]
        assert labels.startswith("model_name:mnist,model_version:2.1")


def test_a_server_with_other_metrics_gets_what_it_declares(cache, written):
    del cache.cache[next(iter(cache.cache))]["handler_requests_total"]
    metrics = PredictionMetrics(cache, "mnist", "1.0")
    metrics.add(Batch(1, [], 0.0, 0.0, 0.0))
    metrics.report()
    assert written()["handler_batch_size_count"] == 1
    assert "handler_requests_total outcome:ok" not in written()


def test_torchserves_own_line_for_each_batch_is_gone(cache, caplog):
    caplog.set_level(logging.INFO, "ts.metrics")
    PredictionMetrics(cache, "mnist", "1.0")
    cache.add_time("PredictionTime", 1.5)
    assert not caplog.messages
