"""The dashboard is one that Grafana can load, and asks for nothing that is not there."""

from __future__ import annotations

import itertools
import json
import re

import yaml

from tests.monitoring.conftest import VARIABLES, expressions

WORDS = "absent and count group_left histogram_quantile ignoring increase max or rate sum vector e6"  # e6: of 1e6


def panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def test_it_asks_only_the_data_source_that_is_provisioned(dashboard, monitoring):
    (source,) = yaml.safe_load((monitoring / "grafana/datasources/prometheus.yaml").read_bytes())["datasources"]
    expected = {"type": source["type"], "uid": source["uid"]}
    for panel in panels(dashboard):
        assert panel["datasource"] == expected, panel["title"]
        assert all(target["datasource"] == expected for target in panel["targets"]), panel["title"]
    for variable in dashboard["templating"]["list"] + dashboard["annotations"]["list"]:
        assert variable["datasource"] == expected


def test_it_has_a_schema_that_grafana_knows(dashboard):
    assert 36 <= dashboard["schemaVersion"] <= 42
    assert re.fullmatch(r"[\w-]{1,40}", dashboard["uid"])
    assert {panel["type"] for panel in dashboard["panels"]} <= {"row", "stat", "timeseries"}
    for panel in panels(dashboard):
        assert panel["title"]
        assert panel["description"]
        assert {"defaults", "overrides"} == set(panel["fieldConfig"])
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references) > 0


def test_panels_have_numbers_of_their_own_and_do_not_overlap(dashboard):
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    for place in places:
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
    for a, b in itertools.combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or above, (a, b)


def test_it_asks_for_metrics_that_somebody_makes(dashboard, alerts, root):
    declared = yaml.safe_load((root / "serving/metrics.yaml").read_bytes())
    kinds = [kind for section in ("ts_metrics", "model_metrics") for kind in declared[section].values()]
    made = {metric["name"] for kind in kinds for metric in kind} | {"up", "ALERTS"}
    made |= set(re.findall(r"gateway_\w+", (root / "docker/gateway/count").read_text()))
    made |= {"gateway_request_seconds_bucket"}
    for expression in [*expressions(dashboard), *(rule["expr"] for rule in alerts.values())]:
        bare = re.sub(r'\{[^}]*\}|\[\w+\]|"[^"]*"|(?:by|ignoring|group_left) ?\([^)]*\)', "", expression)
        asked = set(re.findall(r"[a-zA-Z_]\w*", bare)) - set(WORDS.split())
        assert asked, expression
        assert asked <= made, expression


def test_every_expression_is_promql(promtool, dashboard, tmp_path):
    rules = [{"record": f"query:{i}", "expr": expression} for i, expression in enumerate(expressions(dashboard))]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = promtool("check", "rules", "--lint=none", tmp_path / "rules.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_variable_is_one_that_tests_fill_in(dashboard):
    used = set(re.findall(r"\$\w+", json.dumps([panel["targets"] for panel in panels(dashboard)])))
    named = {f"${variable['name']}" for variable in dashboard["templating"]["list"]}
    assert used == set(VARIABLES)
    assert named == set(VARIABLES) - {"$__rate_interval"}
