"""TorchServe's PredictionTime line is dropped, unless the version differs or the switch is off."""

from __future__ import annotations

import logging

import pytest
import ts
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl

from tests.support.handlers import METRICS
from torchserve_patches.metric_lines import drop_prediction_time


@pytest.fixture
def cache(monkeypatch):
    monkeypatch.delenv("SERVING_FAST_PATH", raising=False)
    cache = MetricsCacheYamlImpl(str(METRICS))
    cache.initialize_cache()
    return cache


@pytest.fixture
def lines(cache, caplog):
    """Return a function that reports a prediction time and returns the lines that were written."""
    caplog.set_level(logging.INFO, "ts.metrics")

    def add_time():
        cache.add_time("PredictionTime", 1.5)
        return caplog.messages

    return add_time


def test_the_line_is_dropped(cache, lines):
    assert drop_prediction_time(cache)
    assert not lines()


def test_another_torchserve_is_left_alone(cache, lines, monkeypatch):
    monkeypatch.setattr(ts, "__version__", "0.12.1")
    assert not drop_prediction_time(cache)
    assert "PredictionTime" in lines()[0]


def test_a_cache_without_the_method_is_left_alone():
    cache = object()
    assert not drop_prediction_time(cache)


def test_it_can_be_switched_off(cache, lines, monkeypatch):
    monkeypatch.setenv("SERVING_FAST_PATH", "false")
    assert not drop_prediction_time(cache)
    assert "PredictionTime" in lines()[0]
