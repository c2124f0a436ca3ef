"""Ray Serve with two replicas behind its proxy, `serve.batch`, and no dashboard."""

from __future__ import annotations

import sys
from typing import Any

import ray
from ray import serve
from starlette.requests import Request

from benchmarks.servers.impl.digit import decode, load_net, predict, responses


@serve.deployment(num_replicas=2, max_ongoing_requests=256, ray_actor_options={"num_cpus": 1})
class Digits:
    def __init__(self) -> None:
        self.net = load_net()

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.001)
    async def predict(self, images: list[bytes]) -> list[dict[str, Any]]:
        return responses(predict(self.net, [decode(image) for image in images]))

    async def __call__(self, request: Request) -> dict[str, Any]:
        return await self.predict(await request.body())


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1")
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(sys.argv[1])}, logging_config={"enable_access_log": False}
    )
    serve.run(Digits.bind(), blocking=True)
