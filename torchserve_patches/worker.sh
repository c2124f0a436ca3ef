#!/bin/sh
# What TorchServe starts in the place of Python: a worker that need not import torch again (worker_stub.py).
exec "$SERVING_WORKER_PYTHON" -I -S "${0%/*}/worker_stub.py" "$@"
