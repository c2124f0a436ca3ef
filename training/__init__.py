"""From MNIST and XOR to weights, reports and archives. Commands: `python -m training.{train,evaluate,xor,archive}`."""

import os

# Before torch starts OpenMP: threads that spin while they wait make an epoch ten times slower on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
