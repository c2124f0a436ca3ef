"""The container's health check: ask the supervisor's /ready and exit with 0 when it answers 200.

python -S -m serving.torchserve.healthcheck

It runs every few seconds, so it imports the standard library alone.
"""

import http.client
import sys

from serving.torchserve.ports import HEALTH_PORT


def check(port: int = HEALTH_PORT) -> int | str:
    """Print the answer of /ready. Returns the exit code: 0 when ready, 1 when not, a sentence when nothing answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/ready")
        response = connection.getresponse()
        print(response.read().decode())
        return int(response.status != 200)
    except OSError as error:
        return str(error)
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(check())
