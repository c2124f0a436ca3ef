"""A handler that does nothing: what TorchServe's frontend and socket cost by themselves."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import socket_reading


class EchoHandler:
    def initialize(self, _: Any) -> None:
        logging.getLogger().setLevel(logging.WARNING)
        socket_reading.install()

    def handle(self, data: Sequence[Mapping[str, Any]], _: Any) -> list[bytes]:
        return [bytes(row["body"]) for row in data]
