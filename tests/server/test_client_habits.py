"""Bodies as clients send them, over HTTP to the real TorchServe."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from tests.support.assertions import png


def test_parts_of_one_name_are_all_answered_in_order(server, http, test_images):
    files = [("data", ("a.png", png(image), "image/png")) for image in test_images[:3]]
    response = http.post(f"{server.inference}/predictions/mnist", files=files)
    assert [p["digit"] for p in response.json()["predictions"]] == [7, 2, 1]


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "application/json", "text/plain", ""])
def test_an_image_is_read_whatever_its_content_type(server, http, seven, content_type):
    response = http.post(f"{server.inference}/predictions/mnist", data=seven, headers={"Content-Type": content_type})
    assert response.json()["digit"] == 7


def test_a_gzip_body_is_read_and_another_encoding_is_415(server, http, seven):
    url = f"{server.inference}/predictions/mnist"
    assert http.post(url, data=gzip.compress(seven), headers={"Content-Encoding": "gzip"}).json()["digit"] == 7
    refused = http.post(url, data=seven, headers={"Content-Encoding": "br"})
    assert refused.status_code == 415
    assert "gzip" in refused.json()["error"]


def test_a_multipart_body_without_a_boundary_is_named(server, http, seven):
    body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + seven + b"\r\n--x--\r\n"
    headers = {"Content-Type": "multipart/form-data"}
    refused = http.post(f"{server.inference}/predictions/mnist", data=body, headers=headers)
    assert refused.status_code == 400
    assert "boundary" in refused.text


def test_binary_tensors_go_in_and_out(server, http, test_images):
    tensor = {"name": "x", "shape": [2, 28, 28], "datatype": "UINT8", "parameters": {"binary_data_size": 2 * 784}}
    header = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    response = http.post(
        f"{server.inference}/predictions/mnist",
        data=header + test_images[:2].tobytes(),
        headers={"Inference-Header-Content-Length": str(len(header)), "Content-Type": "application/octet-stream"},
    )
    length = int(response.headers["Inference-Header-Content-Length"])
    digits = np.frombuffer(response.content[length + 80 :], "<i8")
    assert digits.tolist() == [7, 2]
