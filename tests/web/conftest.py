"""The page as `make serve` serves it: its own small server before the session's TorchServe."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from serving import ui_server
from serving.torchserve.process import TorchServe


@pytest.fixture(scope="module")
def address(server: TorchServe) -> Iterator[str]:
    """Return the address of the page."""
    with ui_server.running(server.inference, "0") as sentence:
        yield sentence.split()[-1]
