"""The dashboard's picture is drawn of what a real Prometheus says of a real TorchServe."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import time

import numpy as np
import pytest
import requests
import yaml
from PIL import Image

from benchmarks import dashboard, traffic
from benchmarks.dashboard_picture import Line, draw
from benchmarks.failure import BenchmarkError
from benchmarks.free_ports import free_ports

WAIT_S = 60.0
SHOWN = json.loads(dashboard.DASHBOARD.read_bytes())
SERIES = [panel for panel in SHOWN["panels"] if panel["type"] != "row"]


@pytest.fixture
def prometheus(server, tmp_path):
    """Run Debian's Prometheus on the tests' TorchServe; return its address."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not there: apt-get install prometheus")
    target = server.environment["TS_METRICS_ADDRESS"].removeprefix("http://")
    jobs = [{"job_name": "torchserve", "static_configs": [{"targets": [target]}]}]
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config))
    url = f"http://127.0.0.1:{free_ports(1)}"
    command = [
        "prometheus",
        f"--config.file={tmp_path / 'prometheus.yaml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
    ]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={url[7:]}"], stdout=log, stderr=log)
    try:
        yield url
    finally:
        process.terminate()
        process.wait(30)


def size_of(picture):
    return Image.open(io.BytesIO(picture)).size


def send_until_seen(client, images, url):
    """Rates are of what changes between two scrapes, so more is sent until Prometheus has seen it change."""
    end = time.monotonic() + WAIT_S
    while True:
        client.predict_many(images)
        try:
            query = {"query": "sum(increase(predicted_digits_total[1m]))"}
            found = requests.get(f"{url}/api/v1/query", params=query, timeout=5).json()["data"]["result"]
            if found and float(found[0]["value"][1]) >= len(images):
                return
        except requests.ConnectionError:
            pass
        assert time.monotonic() < end, "Prometheus never saw the digits"
        time.sleep(0.5)


@pytest.mark.server
def test_what_prometheus_saw_is_drawn(prometheus, client, test_images, tmp_path):
    send_until_seen(client, test_images[:50], prometheus)
    picture = tmp_path / "dashboard.png"
    assert dashboard.main(["--prometheus", prometheus, "--minutes", "1", "--picture", str(picture)]) == 0
    width, height = size_of(picture.read_bytes())
    assert width > 2000
    assert height > 2000
    now_s = time.time()
    (digits,) = (panel for panel in SERIES if panel["title"] == "Predicted digits")
    asked = dashboard.filled(SHOWN, digits["targets"][0]["expr"])
    lines = dashboard.Prometheus(prometheus, now_s - 30, now_s).lines(asked, "{{digit}}")
    assert {line.name for line in lines} == set("0123456789")
    assert np.nansum([line.values[-1] for line in lines]) == pytest.approx(1)


def test_variables_are_filled_in():
    for panel in SERIES:
        for target in panel["targets"]:
            assert "$" not in dashboard.filled(SHOWN, target["expr"])


def test_a_panel_without_data_says_so_and_hurts_no_other():
    seconds = np.arange(0.0, 60.0, 5.0)
    one = Line("p99", seconds, np.where(seconds > 20, seconds, np.nan))
    full = draw(SHOWN, {panel["id"]: [one] for panel in SERIES})
    empty = draw(SHOWN, {panel["id"]: [] for panel in SERIES})
    assert size_of(full) == size_of(empty)
    assert full != empty


def test_no_prometheus_is_an_error_with_the_remedy(tmp_path, capsys):
    picture = tmp_path / "picture.png"
    assert dashboard.main(["--prometheus", f"http://127.0.0.1:{free_ports(1)}", "--picture", str(picture)]) == 1
    assert "make up MONITORING=1" in capsys.readouterr().err
    assert not picture.exists()


def test_a_refused_query_is_an_error_that_names_it(prometheus):
    end = time.monotonic() + WAIT_S
    while True:
        with pytest.raises(BenchmarkError) as error:
            dashboard.Prometheus(prometheus, 0, 10).lines("sum(", "")
        if "refuses 'sum('" in str(error.value):
            return
        assert time.monotonic() < end, error.value


def test_traffic_has_the_shares_that_its_phase_says(test_images):
    phase = traffic.Phase("", 1, 1, blank=0.25, blended=0.4)
    images = traffic.images(phase, test_images)
    blank = sum(bool((np.asarray(Image.open(io.BytesIO(image))) == 255).all()) for image in images)
    assert blank / len(images) == pytest.approx(0.25, abs=0.03)
    assert len(set(images)) > 0.6 * len(images)
