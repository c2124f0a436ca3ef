"""mosec with two worker processes behind its Rust frontend, and dynamic batching.

Its guide decodes in `deserialize`, and overrides `serialize` to encode otherwise than with the standard library's
JSON: `--orjson` does that.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import orjson
from mosec import Server, Worker
from numpy.typing import NDArray

from benchmarks.servers.impl.digit import decode, load_net, predict, responses


class Digits(Worker):
    def __init__(self) -> None:
        super().__init__()
        self.net = load_net()

    def deserialize(self, data: bytes) -> NDArray[np.float32]:
        return decode(data)

    def forward(self, data: list[NDArray[np.float32]]) -> list[dict[str, Any]]:
        return responses(predict(self.net, data))


class OrjsonDigits(Digits):
    def serialize(self, data: dict[str, Any]) -> bytes:
        return orjson.dumps(data)


if __name__ == "__main__":
    worker = OrjsonDigits if "--orjson" in sys.argv else Digits
    sys.argv = ["mosec", "--address", "127.0.0.1", "--port", sys.argv[1]]  # mosec reads its options itself
    server = Server()
    server.append_worker(worker, num=2, max_batch_size=32, max_wait_time=1)
    server.run()
