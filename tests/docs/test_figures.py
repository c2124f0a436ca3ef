"""The documents' tables equal the measurements that they come from."""

from __future__ import annotations

import json
import re
import statistics

import pytest

from tests.support.documents import read

READMES = ("README.md", "README.ko.md")
ACCURACY = ("docs/accuracy.md", "docs/accuracy.ko.md")


@pytest.fixture
def recipes(root):
    return json.loads((root / "docs/training/report.json").read_bytes())["recipes"]


@pytest.fixture
def robustness(root):
    return json.loads((root / "docs/training/robustness.json").read_bytes())


@pytest.fixture
def trials(root):
    """Return the measurements of each server's rounds, by server and number of connections."""
    records = [json.loads(line) for line in (root / "benchmarks/results/bench.jsonl").read_text().splitlines()]
    found = {}
    for record in records:
        if record["kind"] == "trial":
            for measure in record["closed"]:
                found.setdefault(record["server"], {}).setdefault(measure["connections"], []).append(measure)
    return found


def accuracy_cells(recipe):
    accuracy, error = recipe["accuracy"], statistics.mean(recipe["calibration_error"])
    return f"{statistics.mean(accuracy):.2%} | {min(accuracy):.2%}–{max(accuracy):.2%} | {error:.2%}"


def number(cell):
    return float(re.match(r"[\d,.]+", cell)[0].replace(",", ""))


@pytest.mark.parametrize("name", ACCURACY)
def test_the_table_of_recipes_is_the_reports(recipes, name):
    for recipe in recipes:
        times = f"{recipe['epoch_s']:.1f} s | {min(recipe['total_s']):.0f} s"
        assert f"| {recipe['recipe']} | {accuracy_cells(recipe)} | {times} |" in read(name)


@pytest.mark.parametrize("name", READMES)
def test_the_readmes_table_of_recipes_is_the_reports(recipes, name):
    shown = [recipe for recipe in recipes if recipe["recipe"] in ("study", "fast", "best")]
    assert len(shown) == 3
    for recipe in shown:
        row = rf"^\| {recipe['recipe']}\b[^|]*\| {accuracy_cells(recipe)} \| {min(recipe['total_s']):.0f} s \|$"
        assert re.search(row.replace(".", r"\.").replace(" | ", r" \| "), read(name), re.MULTILINE)


@pytest.mark.parametrize("name", [*READMES, *ACCURACY])
def test_the_share_of_correct_corrupted_images_is_the_measured_one(robustness, name):
    plain, service = (list(column.values()) for column in robustness["accuracy"].values())
    for share in (statistics.mean(service), min(service), statistics.mean(plain)):
        assert f"{100 * share:.1f} %" in read(name)
    assert f"{100 * robustness['out_of_distribution']['photo']['refused']:.0f} %" in read(name)


@pytest.mark.parametrize("name", READMES)
def test_the_table_of_benchmarks_is_the_measured_one(trials, name):
    """Each figure is the median of the rounds, rounded as the table shows it."""
    _, table, _ = re.split(r"<!-- /?benchmarks -->\n", read(name))
    rows = [line.strip("|").split(" | ") for line in table.splitlines()[2:]]
    assert [row[0].strip() for row in rows] == list(trials)
    for server, throughput, p99, p50, _ in rows:
        at = trials[server.strip()]
        for cell, connections, key in (
            (throughput, 64, "requests_per_s"),
            (p99, 64, "p99_ms"),
            (p50, 1, "p50_ms"),
        ):
            measured = statistics.median(measure[key] for measure in at[connections])
            rounding = 0.051 if "." in cell else 0.51
            assert number(cell) == pytest.approx(measured, abs=rounding), (server, key)
