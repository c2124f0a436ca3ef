"""Stands for a worker that the fork server made, with its output, and for as long as it lives; `worker` starts it.

Where no fork server answers, it becomes the worker itself.
"""

import json
import os
import socket
import sys


def main() -> None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    directory = os.getcwd()  # noqa: PTH109 - importing pathlib would take longer than all the rest
    order = {"arguments": sys.argv[1:], "environment": dict(os.environ), "directory": directory}
    try:
        connection.connect(os.environ["SERVING_FORK_SERVER"])
        socket.send_fds(connection, [json.dumps(order).encode()], [0, 1, 2])
    except (KeyError, OSError):
        python = os.environ["SERVING_WORKER_PYTHON"]
        os.execv(python, [python, *sys.argv[1:]])  # noqa: S606
    connection.recv(1)  # nothing comes: it ends with the worker
    sys.exit(1)


if __name__ == "__main__":
    main()
