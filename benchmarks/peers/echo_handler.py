"""A handler that does nothing: what TorchServe's frontend and socket cost by themselves."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import socket_reading
from batch_exchange import Answer, Request


class EchoHandler:
    def initialize(self, _: Any) -> None:
        logging.getLogger().setLevel(logging.WARNING)
        socket_reading.install(self.answer)

    def answer(self, batch: Sequence[Request]) -> list[Answer]:
        return [Answer(request.parts["body"]) for request in batch]

    def handle(self, data: Sequence[Mapping[str, Any]], _: Any) -> list[bytes]:
        return [bytes(row["body"]) for row in data]
