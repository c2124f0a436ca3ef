"""Strangers' clients against the real server: gRPC with stubs made from TorchServe's own .proto, and tritonclient."""

from __future__ import annotations

import base64
import json
import re
import sys
from types import SimpleNamespace

import grpc
import numpy as np
import pytest
from google.protobuf.empty_pb2 import Empty
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from serving import grpc_stubs
from tests.support.assertions import assert_is_prediction, npy, png

pytestmark = pytest.mark.server
NO_IMAGE = "the 5 bytes are not an image in a known format; send PNG, JPEG, GIF, BMP, WebP or TIFF"


@pytest.fixture(scope="module", autouse=True)
def stubs(tmp_path_factory):
    """Generate the stubs, and have them found."""
    folder = tmp_path_factory.mktemp("grpc_stubs")
    grpc_stubs.main([str(folder)])
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def over_grpc(server):
    """Return the connected stubs of the services, and a function that builds a prediction request."""
    import inference_pb2_grpc
    import management_pb2_grpc
    from inference_pb2 import PredictionsRequest

    addresses = [f"127.0.0.1:{server.environment[f'TS_GRPC_{name}_PORT']}" for name in ("INFERENCE", "MANAGEMENT")]
    with grpc.insecure_channel(addresses[0]) as inference, grpc.insecure_channel(addresses[1]) as management:
        yield SimpleNamespace(
            request=lambda **parts: PredictionsRequest(model_name="mnist", input=parts),
            inference=inference_pb2_grpc.InferenceAPIsServiceStub(inference),
            management=management_pb2_grpc.ManagementAPIsServiceStub(management),
        )


@pytest.fixture(scope="module")
def predicted(over_grpc):
    """Return a function that asks for a prediction over gRPC."""
    return lambda **parts: json.loads(
        over_grpc.inference.Predictions(over_grpc.request(**parts), timeout=20).prediction
    )


@pytest.fixture
def triton(server):
    with InferenceServerClient(server.inference.removeprefix("http://")) as connected:
        yield connected


def tensor(values, datatype, *, binary=False):
    made = InferInput("image", list(values.shape), datatype)
    made.set_data_from_numpy(values, binary_data=binary)
    return made


def pids(client):
    return {worker["pid"] for worker in client.describe("mnist")["workers"]}


def test_the_examples_of_the_document_run(root, server, capsys, monkeypatch):
    monkeypatch.chdir(root)
    examples = re.findall(r"^```python\n(.*?)^```", (root / "docs/clients.md").read_text(), re.MULTILINE | re.DOTALL)
    for example in examples:
        example = example.replace("Client()", f"Client({server.inference!r}, {server.management!r})")
        example = example.replace("127.0.0.1:8080", server.inference.removeprefix("http://"))
        example = example.replace("7070", server.environment["TS_GRPC_INFERENCE_PORT"])
        example = example.replace("7071", server.environment["TS_GRPC_MANAGEMENT_PORT"])
        exec(compile(example, "docs/clients.md", "exec"), {})  # noqa: S102
    *own, triton_says, inference, management = capsys.readouterr().out.splitlines()
    assert own[0].startswith("7 0.9")
    assert own[1:] == ["[1, 2]", "28 28", "1"]
    assert triton_says.startswith("[7] 0.9")
    assert inference.startswith("7 0.9")
    assert management == "mnist 1.0 2"


def test_grpc_takes_every_form_under_any_name(predicted, seven, test_images):
    assert_is_prediction(predicted(data=seven), 7)
    assert_is_prediction(predicted(anything=seven), 7)
    instances = json.dumps({"instances": [{"b64": base64.b64encode(seven).decode()}]}).encode()
    assert_is_prediction(*predicted(body=instances)["predictions"], 7)
    assert [p["digit"] for p in predicted(body=npy(test_images[:3]))["predictions"]] == [7, 2, 1]


def test_several_images_over_grpc_are_answered_in_the_order_of_their_names(predicted, test_images):
    """The entries of a gRPC map come in any order."""
    images = {f"image{i}": png(pixels) for i, pixels in enumerate(test_images[:8])}
    expected = [predicted(image=image)["digit"] for image in images.values()]
    assert len(set(expected)) > 4
    assert [p["digit"] for p in predicted(**dict(reversed(images.items())))["predictions"]] == expected


def test_a_stream_over_grpc_is_one_answer_and_leaves_the_workers_alive(over_grpc, client, seven):
    """Without the handler's word that no answer follows, TorchServe ends a worker for each."""
    before = pids(client)
    for _ in range(4):
        for content, key in ((seven, "digit"), (b"hello", "error")):
            stream = over_grpc.inference.StreamPredictions(over_grpc.request(image=content), timeout=20)
            (answer,) = [json.loads(part.prediction) for part in stream]
            assert key in answer
    assert pids(client) == before


def test_an_answer_over_http_stays_no_stream(server, http, seven):
    for path in ("predictions/mnist", "v2/models/mnist/infer", "mnist/predict"):
        answer = http.post(f"{server.inference}/{path}", seven, headers={"Content-Type": "image/png"}, timeout=20)
        assert answer.json()["digit"] == 7
        assert not {"ts_stream_next", "transfer-encoding"} & {name.lower() for name in answer.headers}


def test_what_is_refused_over_grpc_is_told_and_hurts_nobody(over_grpc, predicted, client, seven):
    before = pids(client)
    requests = [over_grpc.request(image=content) for content in [seven, b"hello"] * 20]
    calls = [over_grpc.inference.Predictions.future(request, timeout=20) for request in requests]
    answers = [json.loads(call.result().prediction) for call in calls]
    for right, refused in zip(answers[::2], answers[1::2], strict=True):
        assert_is_prediction(right, 7)
        assert refused == {"error": NO_IMAGE}
    assert predicted() == {"error": "the request has no body; send a file or JSON"}
    assert pids(client) == before


def test_grpc_says_which_model_is_not_there(over_grpc, seven):
    request = over_grpc.request(image=seven)
    request.model_version = "9.9"
    with pytest.raises(grpc.RpcError) as error:
        over_grpc.inference.Predictions(request, timeout=20)
    assert error.value.code() == grpc.StatusCode.INTERNAL
    assert "version: 9.9 does not exist" in error.value.details()


def test_grpc_takes_no_more_than_http(over_grpc):
    with pytest.raises(grpc.RpcError) as error:
        over_grpc.inference.Predictions(over_grpc.request(image=bytes(9 << 20)), timeout=20)
    assert error.value.code() in (grpc.StatusCode.CANCELLED, grpc.StatusCode.RESOURCE_EXHAUSTED)


def test_grpc_manages_as_http_does(over_grpc, client):
    from management_pb2 import DescribeModelRequest, RegisterModelRequest

    request = DescribeModelRequest(model_name="mnist", customized=True)
    (described,) = json.loads(over_grpc.management.DescribeModel(request, timeout=20).msg)
    assert described["customizedMetadata"]["labels"] == list("0123456789")
    assert {worker["pid"] for worker in described["workers"]} == pids(client)
    assert json.loads(over_grpc.inference.Ping(Empty(), timeout=20).health) == {"status": "Healthy"}
    with pytest.raises(grpc.RpcError, match="does not match any allowed URL"):
        over_grpc.management.RegisterModel(RegisterModelRequest(url="http://127.0.0.1:1/x.mar"), timeout=20)


def test_tritonclient_reads_every_datatype(triton, client, test_images):
    expected = [prediction["digit"] for prediction in client.predict_many("mnist", test_images[:5])]
    floats = (test_images[:5] / 255).astype(np.float32)
    files = np.array([png(pixels) for pixels in test_images[:5]], dtype=object)
    text = np.array([base64.b64encode(file) for file in files], dtype=object)
    inputs = [(test_images[:5], "UINT8"), (floats.reshape(5, 784), "FP32")]
    sent = [tensor(*each, binary=binary) for each in inputs for binary in (False, True)]
    for image in (*sent, tensor(text, "BYTES"), tensor(files, "BYTES", binary=True)):
        answer = triton.infer("mnist", [image], request_id="42")
        assert answer.get_response()["id"] == "42"
        assert answer.as_numpy("digit").tolist() == expected
        assert answer.as_numpy("digit").dtype == np.int64
        probabilities = answer.as_numpy("probabilities")
        assert (probabilities.shape, probabilities.dtype) == ((5, 10), np.float32)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    asked = [InferRequestedOutput("digit", binary_data=False)]
    (output,) = triton.infer("mnist", [tensor(test_images[:1], "UINT8")], outputs=asked).get_response()["outputs"]
    assert output == {"name": "digit", "datatype": "INT64", "shape": [1], "data": [7]}


def test_tritonclient_is_told_what_is_accepted(triton, test_images):
    with pytest.raises(InferenceServerException, match=r"\[400\] shape \[1, 3, 28\] is not accepted; send"):
        triton.infer("mnist", [tensor(test_images[:1, :3], "UINT8")])
