"""NVIDIA Triton from the package PyTriton: its HTTP frontend and dynamic batcher before two Python workers."""

from __future__ import annotations

import os
import sys
import sysconfig

import numpy as np
from numpy.typing import NDArray
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from benchmarks.servers.impl.digit import decode, load_net, predict


class Digits:
    def __init__(self) -> None:
        self.net = load_net()

    @batch
    def __call__(self, image: NDArray[np.bytes_]) -> dict[str, NDArray[np.generic]]:
        probabilities = predict(self.net, [decode(data) for data in image[:, 0]])
        return {"probabilities": probabilities, "digit": probabilities.argmax(axis=1, keepdims=True)}


if __name__ == "__main__":
    libraries = str(sysconfig.get_config_var("LIBDIR"))
    # Triton's backend loads this Python's own libpython.
    if libraries not in os.environ.get("LD_LIBRARY_PATH", "").split(":"):
        command = [sys.executable, "-m", "benchmarks.servers.impl.triton_server", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, "LD_LIBRARY_PATH": libraries})  # noqa: S606
    port = int(sys.argv[1])
    config = TritonConfig(
        http_address="127.0.0.1", http_port=port, grpc_port=port + 1, metrics_port=port + 2, log_verbose=0
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name="mnist",
            infer_func=[Digits(), Digits()],
            inputs=[Tensor(name="image", dtype=bytes, shape=(1,))],
            outputs=[
                Tensor(name="probabilities", dtype=np.float32, shape=(10,)),
                Tensor(name="digit", dtype=np.int64, shape=(1,)),
            ],
            config=ModelConfig(max_batch_size=32, batcher=DynamicBatcher(max_queue_delay_microseconds=1000)),
        )
        triton.serve()
