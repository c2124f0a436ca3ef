"""Write the sample request and the golden set of new_model into its folder; run it again when the data change.

python -m training.new_model.samples
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from common.files import write_atomically
from model import config
from training.new_model.data import draw, make_dataset

SAMPLE_SEED = 3
GOLDEN_SEED = 2  # other images than those that training.new_model.train trains on and tests with
GOLDEN_COUNT = 100


def main() -> None:
    model = config.load("new_model")
    png, npz = io.BytesIO(), io.BytesIO()
    sample = draw(model.sample.response["label"], np.random.default_rng(SAMPLE_SEED))
    Image.fromarray(sample).save(png, "PNG")
    write_atomically(model.sample_request, png.getvalue())
    inputs, labels = make_dataset(GOLDEN_COUNT, GOLDEN_SEED)
    np.savez_compressed(npz, inputs=inputs, labels=labels)
    write_atomically(model.golden_file, npz.getvalue())


if __name__ == "__main__":
    main()
