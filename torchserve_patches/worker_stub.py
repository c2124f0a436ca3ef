"""Ask the fork server for a worker that takes over this process's output, and live as long as that worker.

worker.sh starts it. Where no fork server answers, this process becomes the worker itself.
"""

import json
import os
import socket
import sys


def main() -> None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    directory = os.getcwd()  # noqa: PTH109 - importing pathlib would take longer than all the rest
    request = {"arguments": sys.argv[1:], "environment": dict(os.environ), "directory": directory}
    try:
        connection.connect(os.environ["SERVING_FORK_SERVER"])
        socket.send_fds(connection, [json.dumps(request).encode()], [0, 1, 2])
    except (KeyError, OSError):
        python = os.environ["SERVING_WORKER_PYTHON"]
        os.execv(python, [python, *sys.argv[1:]])  # noqa: S606
    connection.recv(1)  # nothing is ever sent: this returns when the worker ends
    sys.exit(1)


if __name__ == "__main__":
    main()
