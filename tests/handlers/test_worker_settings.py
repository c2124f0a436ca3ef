"""A loaded handler limits its worker to one thread and its log to warnings and metrics."""

from __future__ import annotations

import logging

import cv2
import pytest
import torch

from handlers.mnist.handler import MnistHandler
from tests.support.handlers import load_handler


@pytest.fixture
def defaults():
    """Set the defaults of a fresh worker, and afterwards the settings as they were."""
    root, metrics = logging.getLogger(), logging.getLogger("ts.metrics")
    before = torch.get_num_threads(), cv2.getNumThreads(), root.level, metrics.level
    torch.set_num_threads(2)
    cv2.setNumThreads(2)
    root.setLevel(logging.INFO)
    metrics.setLevel(logging.NOTSET)
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])
    root.setLevel(before[2])
    metrics.setLevel(before[3])


@pytest.mark.usefixtures("defaults")
def test_a_loaded_handler_has_one_thread_and_logs_warnings_and_metrics(archives, tmp_path):
    load_handler(MnistHandler(), archives / "mnist.mar", tmp_path)
    assert torch.get_num_threads() == 1
    assert cv2.getNumThreads() == 1
    assert not logging.getLogger("ts.service").isEnabledFor(logging.INFO)
    assert logging.getLogger("ts.service").isEnabledFor(logging.WARNING)
    assert logging.getLogger("ts.metrics").isEnabledFor(logging.INFO)
