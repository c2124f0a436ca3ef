"""/metrics of the real TorchServe counts known requests exactly."""

from __future__ import annotations

import re
import time
from collections import Counter

import numpy as np
import pytest
import yaml

from common.http import direct_session
from serving.client import Client
from tests.support.assertions import npy, png

pytestmark = pytest.mark.server
WAIT_S = 30.0
MNIST = 'model_name="mnist",model_version="1.0"'
BLANK = np.full((60, 60), 255, np.uint8)


def scraped(server):
    """Return each series' value, without its host's name."""
    with direct_session() as session:
        lines = session.get(f"{server.environment['TS_METRICS_ADDRESS']}/metrics", timeout=10).text.splitlines()
    values = Counter()
    for line in lines:
        if not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            values[re.sub(r',?[Hh]ostname="[^"]*",?(?=})', "", series)] += float(value)
    return values


@pytest.fixture
def increments(server):
    """Return a function that waits for the report of `requests` more and returns the increments."""
    before = settled(server)

    def since(count):
        end = time.monotonic() + WAIT_S
        while (change := scraped(server) - before)[f"handler_batch_size_sum{{{MNIST}}}"] < count:
            assert time.monotonic() < end, f"after {WAIT_S} s, {count} requests are not reported: {change}"
            time.sleep(0.1)
        return change

    return since


def settled(server):
    """Wait until the requests of earlier tests have been reported."""
    last, now = None, scraped(server)
    while last is None or now["handler_batch_size_sum{" + MNIST + "}"] != last:
        last = now["handler_batch_size_sum{" + MNIST + "}"]
        time.sleep(2.5)
        now = scraped(server)
    return now


def post(server, body, content_type, path="/predictions/mnist"):
    with direct_session() as session:
        return session.post(server.inference + path, data=body, headers={"Content-Type": content_type}, timeout=30)


def test_known_requests_are_counted_exactly(server, increments, test_images):
    digits, confidences = [], []
    for image in test_images[:25]:
        answer = post(server, png(image), "image/png").json()
        digits.append(answer["digit"])
        confidences.append(answer["confidence"])
    bulk = post(server, npy(test_images[:200]), "application/x-npy").json()["predictions"]
    digits += [one["digit"] for one in bulk]
    confidences += [one["confidence"] for one in bulk]
    assert post(server, png(BLANK), "image/png").status_code == 400
    assert post(server, b"no image", "image/png").status_code == 400
    assert post(server, b"{}", "application/json").status_code == 400

    change = increments(29)
    assert {o: change[f'handler_requests_total{{{MNIST},outcome="{o}"}}'] for o in ("ok", "no_digit")} == {
        "ok": 26, "no_digit": 1
    }  # fmt: skip
    assert change[f'handler_requests_total{{{MNIST},outcome="bad_request"}}'] == 2
    assert change[f'handler_requests_total{{{MNIST},outcome="failed"}}'] == 0
    for digit, count in Counter(digits).items():
        assert change[f'handler_predictions_total{{{MNIST},class="{digit}"}}'] == count
    assert change[f"handler_prediction_confidence_count{{{MNIST}}}"] == 225
    assert change[f"handler_prediction_confidence_sum{{{MNIST}}}"] == pytest.approx(sum(confidences), rel=1e-5)
    for bound in (0.5, 0.9, 0.99):
        expected = sum(confidence <= bound for confidence in confidences)
        assert change[f'handler_prediction_confidence_bucket{{{MNIST},le="{bound}"}}'] == expected
    assert change[f'handler_prediction_confidence_bucket{{{MNIST},le="+Inf"}}'] == 225
    # TorchServe's own counter calls the version "default" where a request names none.
    assert change['ts_inference_requests_total{model_name="mnist",model_version="default"}'] == 29


def test_stages_and_batches_agree(server, increments, seven):
    for _ in range(5):
        post(server, seven, "image/png")
    change = increments(5)
    batches = change[f"handler_batch_size_count{{{MNIST}}}"]
    assert batches == 5
    for stage in ("preprocess", "inference", "postprocess"):
        assert change[f'handler_stage_duration_seconds_bucket{{{MNIST},stage="{stage}",le="+Inf"}}'] == batches
        assert 0 < change[f'handler_stage_duration_seconds_sum{{{MNIST},stage="{stage}"}}'] < WAIT_S


def test_health_checks_are_answered_and_not_counted_among_the_digits(server, increments, seven, test_images):
    with Client(server.inference, server.management, is_probe=True) as probe:
        assert [probe.predict("mnist", seven)["digit"] for _ in range(3)] == [7, 7, 7]
    assert post(server, png(test_images[1]), "image/png").json()["digit"] == 2
    change = increments(4)
    assert change[f"handler_prediction_confidence_count{{{MNIST}}}"] == 1
    assert change[f'handler_predictions_total{{{MNIST},class="2"}}'] == 1


def test_every_declared_metric_is_there_and_another_model_has_its_own_classes(server, root):
    post(server, b'{"instances": [[0, 1]]}', "application/json", "/predictions/xor")
    declared = yaml.safe_load((root / "serving/torchserve/metrics.yaml").read_text())["model_metrics"]["counter"]
    series = scraped(server)
    for metric in declared:
        assert any(re.match(metric["name"] + r"\{.*mnist", name) for name in series), metric["name"]
    of_xor = [name for name in series if name.startswith("handler_predictions_total{") and '"xor"' in name]
    assert sorted(re.findall(r'class="(.*?)"', " ".join(of_xor))) == ["0", "1"]


def test_workers_say_when_they_start(server):
    series = scraped(server)
    assert series[f"handler_worker_starts_total{{{MNIST}}}"] >= 2


def test_no_line_is_written_for_a_batch(server):
    assert "PredictionTime" not in "".join(scraped(server))
