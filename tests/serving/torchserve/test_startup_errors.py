"""The reason of a failed start is found in TorchServe's log."""

from __future__ import annotations

from serving.torchserve.startup_errors import load_error

OF_A_THREAD = """\
W-9000-mnist_1.0-stderr MODEL_LOG - Exception in thread metrics:
W-9001-mnist_1.0-stdout MODEL_LOG - Torch worker started.
W-9000-mnist_1.0-stderr MODEL_LOG - Traceback (most recent call last):
W-9000-mnist_1.0-stderr MODEL_LOG -   File "threading.py", line 1045, in _bootstrap_inner
W-9000-mnist_1.0-stderr MODEL_LOG - OSError: [Errno 22] Invalid argument
"""
OF_A_WORKER = """\
W-9001-mnist_1.0-stderr MODEL_LOG - Traceback (most recent call last):
W-9000-mnist_1.0-stdout MODEL_LOG - Torch worker started.
W-9001-mnist_1.0-stderr MODEL_LOG -   File "mnist_handler.py", line 7, in initialize
W-9001-mnist_1.0-stderr MODEL_LOG - ValueError: no weights
"""


def test_a_model_is_not_loaded_for_the_error_that_ended_its_worker():
    assert load_error(OF_A_THREAD + OF_A_WORKER) == "ValueError: no weights"


def test_an_error_is_given_with_its_place_in_the_archive():
    log = OF_A_WORKER.replace("mnist_handler.py", f"/models/{'0123456789abcdef' * 2}/model/mnist/net.py")
    assert load_error(log) == "ValueError: no weights (model/mnist/net.py, line 7)"


def test_a_thread_that_ends_is_no_reason():
    assert load_error(OF_A_THREAD) is None
