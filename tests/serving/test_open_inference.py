"""Health and metadata of the V1 and V2 protocols, at the page server and at the health server of containers."""

from __future__ import annotations

import pytest
from tritonclient.http import InferenceServerClient, InferInput

from model.config import load
from serving import ui_server
from serving.torchserve.readiness import Readiness, start_health_server

pytestmark = pytest.mark.server
MODELS = [load("mnist"), load("xor")]


@pytest.fixture(scope="module")
def page(server):
    """Run a page server before the session's TorchServe. Returns its address."""
    with ui_server.running(server.inference, MODELS, "0", server.management) as sentence:
        yield sentence.split()[-1]


@pytest.fixture(scope="module")
def health(server):
    """Run the health server of containers. Returns its address."""
    with start_health_server(Readiness(server), port=0) as started:
        yield f"http://127.0.0.1:{started.server_port}"


@pytest.fixture(params=["page", "health"])
def url(request):
    return request.getfixturevalue(request.param)


ANSWERS = {
    "/v2/health/live": (200, {"live": True}),
    "/v2/health/ready": (200, {"ready": True}),
    "/v2/models/mnist/ready": (200, {"name": "mnist", "ready": True}),
    "/v2/models/mnist/versions/1.0/ready": (200, {"name": "mnist", "ready": True}),
    "/v1/models/xor": (200, {"name": "xor", "ready": True}),
    "/v1/models": (200, {"models": [model.name for model in MODELS]}),
}


@pytest.mark.parametrize(("path", "answer"), ANSWERS.items(), ids=ANSWERS)
def test_health_is_answered(url, http, path, answer):
    response = http.get(url + path)
    assert (response.status_code, response.json()) == answer


@pytest.mark.parametrize(
    "path",
    ["/v2/models/nobody", "/v2/models/nobody/ready", "/v1/models/nobody", "/v2/models/mnist/versions/9.0"],
)
def test_a_model_or_version_that_is_not_there_is_404_with_those_that_are(url, http, path):
    response = http.get(url + path)
    assert response.status_code == 404
    assert ("mnist" if "nobody" in path else "1.0") in response.json()["error"]


def test_the_metadata_name_the_tensors(url, http):
    assert http.get(f"{url}/v2").json()["extensions"] == ["binary_tensor_data"]
    metadata = http.get(f"{url}/v2/models/mnist").json()
    assert metadata["versions"] == ["1.0"]
    assert metadata["inputs"] == [{"name": "input", "datatype": "UINT8", "shape": [-1, 28, 28]}]
    assert metadata["outputs"][0] == {"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}
    assert http.get(f"{url}/v2/models/xor/versions/1.0").json()["outputs"][1]["name"] == "output"


def test_a_model_without_workers_is_not_ready(page, http, client):
    client.scale("xor", 0)
    try:
        assert http.get(f"{page}/v2/models/xor/ready").status_code == 503
        assert http.get(f"{page}/v2/health/ready").status_code == 503
        assert http.get(f"{page}/v2/models/mnist/ready").status_code == 200
    finally:
        client.scale("xor", 1)


@pytest.mark.filterwarnings("ignore")  # geventhttpclient's
@pytest.mark.parametrize("version", ["", "1.0"])
def test_tritonclient_works_with_its_defaults(page, test_images, version):
    image = InferInput("input", [2, 28, 28], "UINT8")
    image.set_data_from_numpy(test_images[:2])
    with InferenceServerClient(page.removeprefix("http://")) as triton:
        assert triton.is_server_live()
        assert triton.is_server_ready()
        assert triton.is_model_ready("mnist", version)
        assert triton.get_server_metadata()["name"] == "torchserve"
        name = triton.get_model_metadata("mnist", version)["outputs"][1]["name"]
        answer = triton.infer("mnist", [image], model_version=version, request_id="42")
        assert answer.as_numpy(name).tolist() == [7, 2]
        assert answer.get_response()["id"] == "42"
