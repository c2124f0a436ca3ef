"""From MNIST and XOR to weights, reports and archives. Commands: `python -m training.{train,evaluate,xor,archive}`."""

import os

# Before torch starts OpenMP. Its threads spin while they wait for each other: on a quiet machine that halves the time
# of an epoch, on a busy one it makes it ten times longer. Spinning briefly keeps the gain without the disaster.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")
