"""LitServe with two workers and batching; the image is base64 inside JSON, as in its guide to images."""

from __future__ import annotations

import base64
import sys
from typing import Any

import litserve
import numpy as np
from numpy.typing import NDArray

from benchmarks.servers.impl.digit import decode, load_net, predict, responses


class Digits(litserve.LitAPI):
    def setup(self, device: str) -> None:  # noqa: ARG002
        self.net = load_net()

    def decode_request(self, request: dict[str, str]) -> NDArray[np.float32]:
        return decode(base64.b64decode(request["image_data"]))

    def batch(self, inputs: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        return inputs

    def predict(self, x: list[NDArray[np.float32]]) -> list[dict[str, Any]]:
        return responses(predict(self.net, x))

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return output

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        return output


if __name__ == "__main__":
    api = Digits(max_batch_size=32, batch_timeout=0.001)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=2)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False)
