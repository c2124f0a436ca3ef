"""All of MNIST's test images as PNG over HTTP: the service is as right as the net, to the last image."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from serving.client import Client
from tests.support.assertions import png

pytestmark = pytest.mark.server


@pytest.mark.slow
def test_ten_thousand_images_at_once_are_as_right_as_the_training_report_says(server, root, test_images, test_labels):
    local = threading.local()

    def is_right(item):
        pixels, label = item
        if not hasattr(local, "client"):
            local.client = Client(server.inference, server.management)
        return local.client.predict("mnist", png(pixels))["digit"] == label

    with ThreadPoolExecutor(32) as pool:
        correct = sum(pool.map(is_right, zip(test_images, test_labels, strict=True)))
    report = json.loads((root / "weights/mnist.json").read_text())["test"]
    assert (correct, len(test_images)) == (report["correct"], report["total"])
    assert correct >= 9800


def test_bulk_arrays_are_as_right_as_images(client, root, test_images, test_labels):
    predictions = client.predict_many("mnist", test_images)
    correct = sum(p["digit"] == label for p, label in zip(predictions, test_labels, strict=True))
    assert correct == json.loads((root / "weights/mnist.json").read_text())["test"]["correct"]
