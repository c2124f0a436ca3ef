"""Each alert fires on its fault and none fires on a healthy service: promtool evaluates the rules."""

from __future__ import annotations

import json

from tests.monitoring.definitions import ALERTS, MONITORING

MINUTES = 80  # an hour for rate(…[1h]), and more than 10 minutes for `for`
# The values of a series, one a minute: "0+600x80" grows by 600 each minute.
CONSTANT, PER_MINUTE = f"{{}}x{MINUTES}", f"0+{{}}x{MINUTES}"
HEALTHY = {
    'up{job="torchserve",instance="a"}': CONSTANT.format(1),
    'up{job="torchserve",instance="b"}': CONSTANT.format(1),
    'up{job="gateway"}': CONSTANT.format(1),
    "gateway_upstreams_ready": CONSTANT.format(2),
    'handler_worker_starts_total{model_name="mnist",instance="a"}': CONSTANT.format(2),
    **{
        f'gateway_request_duration_seconds_bucket{{le="{bound}"}}': PER_MINUTE.format(600)
        for bound in ("0.01", "1", "+Inf")
    },
    'gateway_requests_total{route="api",status="200"}': PER_MINUTE.format(600),
    'gateway_requests_total{route="api",status="429"}': CONSTANT.format(0),
    'gateway_requests_total{route="api",status="503"}': PER_MINUTE.format(1),
    'gateway_requests_total{route="page",status="500"}': PER_MINUTE.format(600),
    "ts_inference_requests_total": PER_MINUTE.format(600),
    "ts_queue_latency_microseconds": PER_MINUTE.format(600 * 2000),
    'handler_requests_total{model_name="mnist",outcome="ok"}': PER_MINUTE.format(600),
    'handler_requests_total{model_name="mnist",outcome="bad_request"}': PER_MINUTE.format(300),
    'handler_requests_total{model_name="mnist",outcome="no_digit"}': PER_MINUTE.format(60),
    'handler_requests_total{model_name="mnist",outcome="failed"}': CONSTANT.format(0),
    'handler_prediction_confidence_bucket{model_name="mnist",le="0.9"}': PER_MINUTE.format(18),
    'handler_prediction_confidence_count{model_name="mnist"}': PER_MINUTE.format(600),
    **{
        f'handler_predictions_total{{model_name="mnist",class="{label}"}}': PER_MINUTE.format(60) for label in range(10)
    },
}
# A fault changes some series (None removes one); exactly these alerts fire.
FAULTS = {
    "no fault": ({}, set()),
    "one of two servers hangs": ({'up{job="torchserve",instance="a"}': CONSTANT.format(0)}, {"TorchServeDown"}),
    "Prometheus finds no server": (
        {'up{job="torchserve",instance="a"}': None, 'up{job="torchserve",instance="b"}': None},
        {"TorchServeAbsent"},
    ),
    "the gateway is down": ({'up{job="gateway"}': CONSTANT.format(0)}, {"GatewayAbsent"}),
    "servers run but are not ready": ({"gateway_upstreams_ready": CONSTANT.format(0)}, {"NoUpstreamsReady"}),
    "workers crash repeatedly": (
        {'handler_worker_starts_total{model_name="mnist",instance="a"}': PER_MINUTE.format(1)},
        {"WorkerRestarts"},
    ),
    "one response in fifty takes a second": (
        {'gateway_request_duration_seconds_bucket{le="0.01"}': PER_MINUTE.format(588)},
        {"HighLatencyP99"},
    ),
    "requests wait a fifth of a second": (
        {"ts_queue_latency_microseconds": PER_MINUTE.format(600 * 200_000)},
        {"HighQueueTime"},
    ),
    "one request in twenty is 503": (
        {'gateway_requests_total{route="api",status="503"}': PER_MINUTE.format(30)},
        {"HighErrorRate"},
    ),
    "one request in ten is 429": (
        {'gateway_requests_total{route="api",status="429"}': PER_MINUTE.format(60)},
        {"HighThrottleRate"},
    ),
    "the handler raises an exception each minute": (
        {'handler_requests_total{model_name="mnist",outcome="failed"}': PER_MINUTE.format(1)},
        {"HandlerErrors"},
    ),
    "a model fails on one request in ten": (
        {
            'handler_requests_total{model_name="mnist",outcome="failed"}': PER_MINUTE.format(100),
            'gateway_requests_total{route="api",status="500"}': PER_MINUTE.format(100),
        },
        {"HandlerErrors", "HighFailureRate", "HighErrorRate"},
    ),
    "a model that few ask fails on one request in ten": (
        {
            'handler_requests_total{model_name="xor",outcome="ok"}': PER_MINUTE.format(9),
            'handler_requests_total{model_name="xor",outcome="failed"}': PER_MINUTE.format(1),
        },
        {"HandlerErrors", "HighFailureRate"},
    ),
    "a third of the images have no digit": (
        {'handler_requests_total{model_name="mnist",outcome="no_digit"}': PER_MINUTE.format(300)},
        {"HighRefusalRate"},
    ),
    "a model without labels refuses a third of its inputs": (
        {
            'handler_requests_total{model_name="regression",outcome="ok"}': PER_MINUTE.format(60),
            'handler_requests_total{model_name="regression",outcome="out_of_domain"}': PER_MINUTE.format(30),
        },
        {"HighRefusalRate"},
    ),
    "a third of the predictions have a low confidence": (
        {'handler_prediction_confidence_bucket{model_name="mnist",le="0.9"}': PER_MINUTE.format(200)},
        {"LowConfidence"},
    ),
    "all predictions are the class 7": (
        {
            f'handler_predictions_total{{model_name="mnist",class="{label}"}}': PER_MINUTE.format(600 * (label == 7))
            for label in range(10)
        },
        {"PredictionSkew"},
    ),
    "a third of very few images have no digit": (
        {
            'handler_requests_total{model_name="mnist",outcome="no_digit"}': PER_MINUTE.format(0.3),
            'handler_prediction_confidence_count{model_name="mnist"}': PER_MINUTE.format(0.6),
            'handler_prediction_confidence_bucket{model_name="mnist",le="0.9"}': PER_MINUTE.format(0),
            **{
                f'handler_predictions_total{{model_name="mnist",class="{label}"}}': PER_MINUTE.format(0.06)
                for label in range(10)
            },
        },
        set(),
    ),
}


def test_every_alert_is_tested_with_a_fault():
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
                        "eval_time": f"{MINUTES}m",
                        "exp_samples": expected,
                    }
                ],
            }
        )
    cases = {"rule_files": [str(MONITORING / "alerts.yaml")], "evaluation_interval": "1m", "tests": groups}
    (tmp_path / "cases.yaml").write_text(json.dumps(cases))  # JSON is YAML
    done = promtool("test", "rules", tmp_path / "cases.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_the_configuration(promtool):
    done = promtool("check", "config", MONITORING / "prometheus.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_severity_a_summary_and_a_description():
    for name, rule in ALERTS.items():
        assert rule["labels"]["severity"] in ("critical", "warning", "info"), name
        assert set(rule["annotations"]) == {"summary", "description"}, name
