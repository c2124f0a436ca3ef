"""Train models, evaluate them and pack them for TorchServe.

python -m training.mnist.train      # one package for each model
python -m training.archive mnist    # the same command for every model
"""

import os

# OpenMP reads this when torch starts. Its threads spin while they wait for each other: on a quiet machine that halves
# the time of an epoch, on a busy machine it takes ten times longer. A short spin keeps the gain and limits the loss.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")
