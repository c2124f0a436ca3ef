"""Imports torch once, and forks the workers: they start in a fraction of a second and share what was imported.

TorchServe starts a process for each worker (`worker`), which asks here for a fork that takes over its output, and
stands for it: when one ends, so does the other. Linux only. Elsewhere, or should this process die, workers start as
ever.

python torchserve_patches/fork_server.py 3    with a listening socket as descriptor 3; ends when its standard input is closed
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

# What all workers import, and what is the same for all: nothing that reads a worker's own environment.
PRELOADED = ("cv2", "numpy", "orjson", "PIL.Image", "torch", "yaml")
STANDARD_INPUT = 0
ORDER_BYTES = 1 << 20


def main() -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # threads do not survive a fork, and NumPy's would have nothing to do
    for name in PRELOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a worker's collections would write to all these objects, and so copy their pages
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        while STANDARD_INPUT not in select.select([listener.fileno(), STANDARD_INPUT], [], [])[0]:
            connection, _ = listener.accept()
            message, descriptors, _, _ = socket.recv_fds(connection, ORDER_BYTES, 3)
            if message and os.fork() == 0:
                listener.close()
                _become_worker(connection, json.loads(message), descriptors)
                return
            for descriptor in descriptors:
                os.close(descriptor)
            connection.close()


def _become_worker(connection: socket.socket, order: dict[str, Any], descriptors: list[int]) -> None:
    """Do what `python model_service_worker.py …` would have done."""
    _end_with(connection)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["directory"])
    sys.argv = order["arguments"]
    sys.path[:1] = [str(Path(sys.argv[0]).parent), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    runpy.run_path(sys.argv[0], run_name="__main__")


def _end_with(connection: socket.socket) -> None:
    """Have the kernel kill this process when the other end closes, whatever hangs here."""
    fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(connection, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(connection, fcntl.F_SETFL, fcntl.fcntl(connection, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([connection], [], [], 0)[0]:  # it had closed before
        sys.exit(1)


if __name__ == "__main__":
    main()
