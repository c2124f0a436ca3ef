"""The container's health check: exit 0 when /ready of serving.torchserve.supervisor says so. Imports little: it runs often."""

import http.client
import sys

if __name__ == "__main__":
    connection = http.client.HTTPConnection("127.0.0.1", 8090, timeout=5)
    try:
        connection.request("GET", "/ready")
        answer = connection.getresponse()
        print(answer.read().decode())
        sys.exit(answer.status != 200)
    except OSError as error:
        sys.exit(str(error))
