"""The page as `make serve` serves it: the UI server in front of the session's TorchServe."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from model.config import load_all
from serving import ui_server
from serving.torchserve.process import TorchServe


@pytest.fixture(scope="module")
def page_url(server: TorchServe) -> Iterator[str]:
    """Serve the page, and return its URL."""
    with ui_server.running(server.inference, load_all(), "0") as sentence:
        yield sentence.split()[-1]
