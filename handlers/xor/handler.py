"""The handler of the XOR model: pairs of bits in, their exclusive or out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import torch

from handlers import request_body
from handlers.base_handler import BatchHandler
from handlers.errors import ClientError
from handlers.messages import Response
from model.xor.net import XORModel

MAX_PAIRS = 10_000
Pairs = list[list[int]]


class XORHandler(BatchHandler[Pairs, torch.Tensor]):
    """Answers POST /predictions/xor, {"instances": [[0, 1], …]}."""

    def load_model(self, state: dict[str, torch.Tensor]) -> None:
        self.net = XORModel().to(self.device).eval()
        self.net.load_state_dict(state)

    def preprocess(self, parts: Mapping[str, Any], headers: Mapping[str, str]) -> Pairs:
        body = b"".join(request_body.read_parts(parts, headers).values())
        message = request_body.load_json(body)
        pairs = message.get("instances") if isinstance(message, dict) else None
        if not isinstance(pairs, list) or not 1 <= len(pairs) <= MAX_PAIRS:
            raise ClientError(f'send {{"instances": [[0, 1], ...]}} with 1 to {MAX_PAIRS} pairs')
        for i, pair in enumerate(pairs):
            if (
                not isinstance(pair, list)
                or len(pair) != 2
                or not all(type(bit) in (int, float) and bit in (0, 1) for bit in pair)
            ):
                raise ClientError(f"instances[{i}] is not a pair of bits; send [0, 0], [0, 1], [1, 0] or [1, 1]")
        return pairs

    @torch.inference_mode()
    def inference(self, requests: Sequence[Pairs]) -> Sequence[torch.Tensor]:
        pairs = torch.tensor([pair for request in requests for pair in request], dtype=torch.float32)
        return self.net(pairs.to(self.device)).cpu().squeeze(1).split([len(request) for request in requests])

    def postprocess(self, request: Pairs, prediction: torch.Tensor, request_id: str) -> Response:  # noqa: ARG002
        """Encode the more probable bit of each pair, and the probability of a 1."""
        predictions = [{"output": int(p > 0.5), "probability": p} for p in prediction.tolist()]
        return Response(orjson.dumps({"predictions": predictions}))

    def describe(self) -> dict[str, Any]:
        return {"version": self.version, "answers": self.training["test"], "versions": self.training["versions"]}
