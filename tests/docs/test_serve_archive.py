"""docs/serve_archive.py serves real archives without TorchServe's Java, with the same responses."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from common.paths import ROOT
from tests.support.archive_server import serve_archive

BINARY = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def url(archives: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve_archive(archives / "mnist.mar", tmp_path_factory.mktemp("log") / "log") as served:
        yield served


def test_every_protocol_is_answered(url: str, http: requests.Session) -> None:
    image = (ROOT / "model/mnist/samples/7.png").read_bytes()
    alone = http.post(f"{url}/predictions/mnist", image, headers=BINARY).json()
    assert alone["digit"] == 7
    assert "attribution" in http.post(f"{url}/explanations/mnist", image, headers=BINARY).json()
    instances = {"instances": [[[0] * 28] * 28] * 2}
    assert len(http.post(f"{url}/v1/models/mnist:predict", json=instances).json()["predictions"]) == 2
    tensor = {"name": "input", "shape": [1, 28, 28], "datatype": "UINT8", "data": [0] * 784}
    v2 = http.post(f"{url}/v2/models/mnist/infer", json={"id": "42", "inputs": [tensor]}).json()
    assert (v2["id"], v2["outputs"][0]["shape"]) == ("42", [1, 10])


def test_a_bad_request_fails_alone(url: str, http: requests.Session) -> None:
    samples = [(ROOT / f"model/mnist/samples/{digit}.png").read_bytes() for digit in range(10)]
    bodies = [sample for sample in samples for sample in (sample, b"no image")] * 5
    with ThreadPoolExecutor(32) as threads:
        responses = list(threads.map(lambda body: http.post(f"{url}/predictions/mnist", body, headers=BINARY), bodies))
    assert [response.status_code for response in responses] == [200, 400] * 50
    assert [response.json()["digit"] for response in responses[::2]] == list(range(10)) * 5
