"""Write the sample request and the golden set of new_model into its folder; run it again when the data change.

python -m training.new_model.samples
"""

from __future__ import annotations

import io
import json

import numpy as np

from common.files import write_atomically
from model import config
from training.new_model.data import make_dataset, measure

SAMPLE_SEED = 3
GOLDEN_SEED = 2  # other fruit than those that training.new_model.train trains on and tests with
GOLDEN_COUNT = 100


def main() -> None:
    model = config.load("new_model")
    sample = measure(model.sample.response["label"], np.random.default_rng(SAMPLE_SEED))
    message = {"instances": [[round(value, 1) for value in sample.tolist()]]}
    write_atomically(model.sample_request, (json.dumps(message) + "\n").encode())
    inputs, labels = make_dataset(GOLDEN_COUNT, GOLDEN_SEED)
    npz = io.BytesIO()
    np.savez_compressed(npz, inputs=inputs, labels=labels)
    write_atomically(model.golden_file, npz.getvalue())


if __name__ == "__main__":
    main()
