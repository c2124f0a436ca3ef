#!/bin/sh
# TorchServe starts this instead of Python; worker_stub.py asks the fork server for a worker that has imported torch.
exec "$SERVING_WORKER_PYTHON" -I -S "${0%/*}/worker_stub.py" "$@"
