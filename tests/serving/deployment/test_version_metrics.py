"""Versions are compared by their metrics in Prometheus' text format."""

from __future__ import annotations

import http.server
import socket
import threading

import msgspec
import pytest

from model.config import load
from serving.client import ServiceError
from serving.deployment.version_metrics import compare_versions

MNIST = load("mnist")
METRICS = r"""# HELP handler_requests_total Torchserve prometheus metric with unit: Count
# TYPE handler_requests_total counter
handler_requests_total{model_name="mnist",model_version="2.0",outcome="ok",Hostname="a",} 8.0
handler_requests_total{model_name="mnist",model_version="2.0",outcome="no_digit",Hostname="with \"} 9",} 2.0
handler_requests_total{model_name="mnist",model_version="1.0",outcome="no_digit",Hostname="a",} 77.0
handler_requests_total{model_name="xor",model_version="2.0",outcome="no_digit",Hostname="a",} 99.0
# HELP handler_batch_size_sum Torchserve prometheus metric with unit: Count
# TYPE handler_batch_size_sum counter
handler_batch_size_sum{model_name="mnist",model_version="2.0",Hostname="a",} 10.0
# HELP handler_batch_size_count Torchserve prometheus metric with unit: Count
# TYPE handler_batch_size_count counter
handler_batch_size_count{model_name="mnist",model_version="2.0",Hostname="a",} 4.0
# HELP handler_stage_duration_seconds_sum Torchserve prometheus metric with unit: Seconds
# TYPE handler_stage_duration_seconds_sum counter
handler_stage_duration_seconds_sum{model_name="mnist",model_version="2.0",stage="preprocess",Hostname="a",} 0.5
handler_stage_duration_seconds_sum{model_name="mnist",model_version="2.0",stage="inference",Hostname="a",} 0.25
handler_stage_duration_seconds_sum{model_name="mnist",model_version="2.0",stage="postprocess",Hostname="a",} 0.25
# HELP handler_predictions_total Torchserve prometheus metric with unit: Count
# TYPE handler_predictions_total counter
handler_predictions_total{model_name="mnist",model_version="2.0",class="7",Hostname="a",} 6.0
handler_predictions_total{model_name="mnist",model_version="2.0",class="7",Hostname="b",} 1.0
# HELP handler_prediction_confidence_count Torchserve prometheus metric with unit: Count
# TYPE handler_prediction_confidence_count counter
handler_prediction_confidence_count{model_name="mnist",model_version="2.0",Hostname="a",} 8.0
# HELP handler_prediction_confidence_sum Torchserve prometheus metric with unit: Count
# TYPE handler_prediction_confidence_sum counter
handler_prediction_confidence_sum{model_name="mnist",model_version="2.0",Hostname="a",} 6.0
# HELP handler_prediction_confidence_bucket Torchserve prometheus metric with unit: Count
# TYPE handler_prediction_confidence_bucket counter
handler_prediction_confidence_bucket{model_name="mnist",model_version="2.0",le="0.9",Hostname="a",} 4.0
handler_prediction_confidence_bucket{model_name="mnist",model_version="2.0",le="+Inf",Hostname="a",} 8.0
# HELP Requests2XX Torchserve prometheus metric with unit: Count
# TYPE Requests2XX counter
Requests2XX{Level="Host",Hostname="a",} 5.0
"""


@pytest.fixture
def metrics_url():
    """Serve METRICS. Returns the URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(METRICS.encode())

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def values(stats):
    for value in stats.values():
        yield from value.values() if isinstance(value, dict) else [value]


def test_each_statistic_is_of_its_own_counters(metrics_url):
    stats = compare_versions(metrics_url, MNIST, ["2.0", "3.0"])
    assert stats["2.0"] == {
        "requests": 10,
        "refused": {"no_digit": 2, "several_digits": 0, "bad_request": 0, "failed": 0},
        "requests_in_a_batch": 2.5,
        "batch_ms": 250,
        "predictions": 7,
        "confidence": 0.75,
        "uncertain": 0.5,
        "classes": {str(digit): float(digit == 7) for digit in range(10)},
    }
    assert set(values(stats["3.0"])) == {0, None}


def test_another_model_has_its_own_classes_and_outcomes(metrics_url):
    stats = compare_versions(metrics_url, load("xor"), ["2.0"])["2.0"]
    assert list(stats["classes"]) == ["0", "1"]
    assert list(stats["refused"]) == ["bad_request", "failed"]
    regression = msgspec.structs.replace(load("xor"), labels=(), label_output="")
    assert list(compare_versions(metrics_url, regression, ["2.0"])["2.0"]) == [
        "requests", "refused", "requests_in_a_batch", "batch_ms"
    ]  # fmt: skip


def test_over_a_period_only_the_increase_counts(metrics_url):
    stats = compare_versions(metrics_url, MNIST, ["2.0"], seconds=0.01)["2.0"]
    assert set(values(stats)) == {0, None}


def test_a_server_without_metrics_is_an_error_with_the_remedy():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(ServiceError, match=f"^no metrics at {url}; set their address with --metrics-url$"):
        compare_versions(url, MNIST, ["1.0"])
