"""Each alert fires on its fault, and none on a healthy service: by Prometheus' own reckoning."""

from __future__ import annotations

import json

from tests.monitoring.definitions import ALERTS, MONITORING

# Each series' value minute by minute over two hours: "0+600x120" grows by 600 each minute.
STILL, PER_MINUTE = "{}x120", "0+{}x120"
HEALTHY = {
    'up{job="torchserve",instance="a"}': STILL.format(1),
    'up{job="torchserve",instance="b"}': STILL.format(1),
    'up{job="gateway"}': STILL.format(1),
    "gateway_upstreams_ready": STILL.format(2),
    'handler_worker_starts_total{model_name="mnist",instance="a"}': STILL.format(2),
    **{
        f'gateway_request_duration_seconds_bucket{{le="{bound}"}}': PER_MINUTE.format(600)
        for bound in ("0.01", "1", "+Inf")
    },
    'gateway_requests_total{route="api",status="200"}': PER_MINUTE.format(600),
    'gateway_requests_total{route="api",status="429"}': STILL.format(0),
    'gateway_requests_total{route="api",status="503"}': PER_MINUTE.format(1),
    'gateway_requests_total{route="page",status="500"}': PER_MINUTE.format(600),
    "ts_inference_requests_total": PER_MINUTE.format(600),
    "ts_queue_latency_microseconds": PER_MINUTE.format(600 * 2000),
    'handler_requests_total{model_name="mnist",outcome="no_digit"}': PER_MINUTE.format(60),
    'handler_requests_total{model_name="mnist",outcome="failed"}': STILL.format(0),
    'handler_prediction_confidence_bucket{model_name="mnist",le="0.9"}': PER_MINUTE.format(18),
    'handler_prediction_confidence_count{model_name="mnist"}': PER_MINUTE.format(600),
    **{
        f'handler_predictions_total{{model_name="mnist",digit="{digit}"}}': PER_MINUTE.format(60) for digit in range(10)
    },
}
# What changes, and exactly those that then fire. None takes the series away.
FAULTS = {
    "nothing": ({}, set()),
    "one of two servers hangs": ({'up{job="torchserve",instance="a"}': STILL.format(0)}, {"TorchServeDown"}),
    "no server is known": (
        {'up{job="torchserve",instance="a"}': None, 'up{job="torchserve",instance="b"}': None},
        {"TorchServeAbsent"},
    ),
    "the gateway is gone": ({'up{job="gateway"}': STILL.format(0)}, {"NoGateway"}),
    "servers run and do not predict": ({"gateway_upstreams_ready": STILL.format(0)}, {"NotReady"}),
    "workers die again and again": (
        {'handler_worker_starts_total{model_name="mnist",instance="a"}': PER_MINUTE.format(1)},
        {"WorkersRestart"},
    ),
    "one answer in fifty takes a second": (
        {'gateway_request_duration_seconds_bucket{le="0.01"}': PER_MINUTE.format(588)},
        {"HighLatencyP99"},
    ),
    "requests wait a fifth of a second": (
        {"ts_queue_latency_microseconds": PER_MINUTE.format(600 * 200_000)},
        {"LongQueue"},
    ),
    "one request in twenty is 503": (
        {'gateway_requests_total{route="api",status="503"}': PER_MINUTE.format(30)},
        {"ServerErrors"},
    ),
    "one request in ten is 429": (
        {'gateway_requests_total{route="api",status="429"}': PER_MINUTE.format(60)},
        {"HighThrottleRate"},
    ),
    "the handler fails now and then": (
        {'handler_requests_total{model_name="mnist",outcome="failed"}': PER_MINUTE.format(1)},
        {"HandlerFails"},
    ),
    "a third of the images has no digit": (
        {'handler_requests_total{model_name="mnist",outcome="no_digit"}': PER_MINUTE.format(300)},
        {"ManyWithoutDigit"},
    ),
    "a third of the digits is uncertain": (
        {'handler_prediction_confidence_bucket{model_name="mnist",le="0.9"}': PER_MINUTE.format(200)},
        {"LowConfidence"},
    ),
    "everything is a nought": (
        {
            f'handler_predictions_total{{model_name="mnist",digit="{d}"}}': PER_MINUTE.format(0)
            for d in range(10)
            if d != 7
        },
        {"PredictionSkew"},
    ),
    "a third of very few images has no digit": (
        {
            'handler_requests_total{model_name="mnist",outcome="no_digit"}': PER_MINUTE.format(0.3),
            'handler_prediction_confidence_count{model_name="mnist"}': PER_MINUTE.format(0.6),
            'handler_prediction_confidence_bucket{model_name="mnist",le="0.9"}': PER_MINUTE.format(0),
        },
        set(),
    ),
}


def test_every_alert_has_a_fault_that_it_is_tested_with():
    assert set(ALERTS) == set().union(*(fired for _, fired in FAULTS.values()))


def test_each_fault_fires_its_alert_and_no_other(promtool, tmp_path):
    groups = []
    for name, (changes, fired) in FAULTS.items():
        series = {**HEALTHY, **changes}
        expected = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in fired]
        groups.append(
            {
                "name": name,
                "interval": "1m",
                "input_series": [{"series": s, "values": v} for s, v in series.items() if v is not None],
                "promql_expr_test": [
                    {
                        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                        "eval_time": "2h",
                        "exp_samples": expected,
                    }
                ],
            }
        )
    cases = {"rule_files": [str(MONITORING / "alerts.yaml")], "evaluation_interval": "1m", "tests": groups}
    (tmp_path / "cases.yaml").write_text(json.dumps(cases))  # which is YAML
    done = promtool("test", "rules", tmp_path / "cases.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_the_configuration(promtool):
    done = promtool("check", "config", MONITORING / "prometheus.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_says_how_bad_it_is_what_it_means_and_what_to_do():
    for name, rule in ALERTS.items():
        assert rule["labels"]["severity"] in ("critical", "warning", "info"), name
        assert set(rule["annotations"]) == {"summary", "description"}, name
