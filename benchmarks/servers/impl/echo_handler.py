"""A handler that echoes the body: it costs no more than TorchServe's frontend and socket."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from handlers.messages import RawRequest, Response
from torchserve_patches import fast_path


class EchoHandler:
    def initialize(self, _: Any) -> None:
        logging.getLogger().setLevel(logging.WARNING)
        fast_path.install(self.handle_batch)

    def handle_batch(self, batch: Sequence[RawRequest]) -> list[Response]:
        return [Response(request.parts["body"]) for request in batch]

    def handle(self, data: Sequence[Mapping[str, Any]], _: Any) -> list[bytes]:
        return [bytes(row["body"]) for row in data]
