"""Step 7: send a service a bad neighbour and a photo."""

# %% imports
import io
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib.pyplot as plt
import requests
from PIL import Image

from common.plots import style
from handlers.mnist.preprocessing.pipeline import preprocess_image
from training.learn.picture import save

url = sys.argv[1]

# %% neighbours
digit = Path("model/mnist/samples/4.png").read_bytes()
bodies = [digit] * 7 + [b"this is no image"]
with ThreadPoolExecutor(8) as pool:  # all at once, so that they share a batch
    responses = list(
        pool.map(lambda body: requests.post(url, body, timeout=60), bodies)
    )
print("7 digits:  ", sorted(response.status_code for response in responses[:7]))
print("their neighbour:", responses[7].status_code, responses[7].json())

# %% photo
gradient = Image.linear_gradient("L").resize((640, 480))
paper = gradient.point(lambda value: 130 + value // 3)  # in uneven light
ink = Image.new("L", paper.size, 50)
mask = Image.new("L", paper.size)
four = Image.open(io.BytesIO(digit)).resize((220, 220), Image.Resampling.BICUBIC)
mask.paste(four, (60, 190))
photo = Image.composite(ink, paper, mask)
file = io.BytesIO()
photo.save(file, "JPEG")
answer = requests.post(url, file.getvalue(), timeout=60).json()
print("a photo of a 4:", {key: answer[key] for key in ("digit", "confidence")})

# %% picture
with style():
    figure, (whole, squeezed, found) = plt.subplots(
        3, 1, figsize=(5, 9), height_ratios=(4, 3, 3)
    )
    whole.set_title("The photo: a 4 in dark ink")
    whole.imshow(photo, cmap="gray", vmin=0, vmax=255)
    squeezed.set_title(
        "Resized to 28×28: the paper is bright,\nthe digit is a few dark pixels"
    )
    squeezed.imshow(photo.resize((28, 28)), cmap="gray", vmin=0, vmax=255)
    found.set_title("Found, cut out and centred: as in MNIST")
    found.imshow(preprocess_image(file.getvalue()), cmap="gray", vmin=0, vmax=255)
    for axes in (whole, squeezed, found):
        axes.set(xlabel="pixel", ylabel="pixel")
        axes.grid(visible=False)
save(figure, "7-photo")
