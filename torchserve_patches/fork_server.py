"""Import torch once and fork the workers, which start in a fraction of a second and share the imported memory.

TorchServe starts one process for each worker: worker.sh, which runs worker_stub.py. The stub asks this server for a
fork that takes over its output, and lives as long as the fork: when one ends, so does the other.

Guard: Linux only; where this server does not answer, the stub becomes an ordinary worker.
Switch: SERVING_FORK_WORKERS=false in the environment.

python torchserve_patches/fork_server.py 3

listens on descriptor 3, and ends when its standard input is closed.
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

# Modules that all workers import and that do not depend on a worker's environment.
PRELOAD = ("cv2", "msgspec", "numpy", "orjson", "PIL.Image", "psutil", "torch", "yaml")
STANDARD_INPUT = 0
MAX_MESSAGE_BYTES = 1 << 20


def main() -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # threads do not survive a fork, and NumPy's have nothing to do
    for name in PRELOAD:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # else a worker's garbage collections would write to these objects and copy their pages
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        while STANDARD_INPUT not in select.select([listener.fileno(), STANDARD_INPUT], [], [])[0]:
            connection, _ = listener.accept()
            message, descriptors, _, _ = socket.recv_fds(connection, MAX_MESSAGE_BYTES, 3)
            if message and os.fork() == 0:
                listener.close()
                _become_worker(connection, json.loads(message), descriptors)
                return
            for descriptor in descriptors:
                os.close(descriptor)
            connection.close()


def _become_worker(connection: socket.socket, request: dict[str, Any], descriptors: list[int]) -> None:
    """Run TorchServe's model_service_worker.py in this process, as `python model_service_worker.py …` would."""
    _die_with_peer(connection)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["directory"])
    sys.argv = request["arguments"]
    sys.path[:1] = [str(Path(sys.argv[0]).parent), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    runpy.run_path(sys.argv[0], run_name="__main__")


def _die_with_peer(connection: socket.socket) -> None:
    """Have the kernel kill this process when the other end of the connection closes, even if this process hangs."""
    fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(connection, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(connection, fcntl.F_SETFL, fcntl.fcntl(connection, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([connection], [], [], 0)[0]:  # it was closed before
        sys.exit(1)


if __name__ == "__main__":
    main()
