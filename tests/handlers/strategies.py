"""Hypothesis strategies for requests: every form with valid and invalid values, whole and damaged images, headers."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from tests.support.assertions import npy
from tests.support.image_factory import encoded, seven

PICTURE = Image.fromarray(seven(40, 32, pen=3))
WHOLE = [encoded(PICTURE, form) for form in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")]
WHOLE += [encoded(PICTURE.convert(mode), form) for mode, form in (("RGBA", "PNG"), ("F", "TIFF"), ("CMYK", "JPEG"))]


def damaged(image: bytes, at: float, value: int, end: float) -> bytes:
    cut = bytearray(image[: round(end * len(image))])
    if cut:
        cut[int(at * len(cut))] ^= value
    return bytes(cut)


share = st.floats(0, 1, exclude_max=True)
images = st.sampled_from(WHOLE) | st.builds(damaged, st.sampled_from(WHOLE), share, st.integers(0, 255), share)
bodies = images | st.binary(max_size=100)

values = st.sampled_from([0, 1, 255, 0.5, 1.0, 254.0]) | st.sampled_from(
    [-1, 256, 255.5, 1e308, 2**64, None, True, "7"]
)
rows = st.builds(lambda value, last: [value] * 783 + [last], values, values)
fields = rows.map(lambda row: [row[28 * i : 28 * i + 28] for i in range(28)])
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
texts = images.map(lambda image: base64.b64encode(image).decode()) | st.text(max_size=20)
names = st.sampled_from(["data", "b64", "image_bytes", "image"])
objects = st.builds(lambda name, text, deep: {name: {"b64": text} if deep else text}, names, texts, st.booleans())
instances = st.builds(
    lambda items: {"instances": items}, st.lists(objects, max_size=3) | st.lists(rows | fields, max_size=3) | junk
)

sizes = st.sampled_from([0, 1, 2, 28, 784, -1, 10_001, 2**63])
shapes = st.sampled_from([[1, 784], [1, 28, 28], [1, 1, 28, 28], [1]]) | st.lists(sizes | junk, max_size=5)
data = rows | fields | st.lists(texts, max_size=2) | junk
inputs = st.fixed_dictionaries(
    {"shape": shapes, "datatype": st.sampled_from(["UINT8", "FP32", "BYTES", "INT64"]) | junk, "data": data},
    optional={"name": st.text(max_size=8), "parameters": junk},
)
outputs = st.lists(st.sampled_from([{"name": name} for name in ("probabilities", "digit", "pixels", "x")]) | junk)
tensors = st.fixed_dictionaries(
    {"inputs": st.lists(inputs, max_size=2) | junk}, optional={"id": junk, "outputs": outputs}
)


def as_json(message: Any) -> bytes:
    return json.dumps(message).encode()


messages = (instances | tensors).map(as_json)
arrays = st.builds(
    lambda shape, dtype, order, end: npy(np.zeros(shape, dtype, order))[: None if end > 0.8 else round(end * 1000)],
    st.sampled_from([(1, 784), (2, 28, 28), (0, 784), (784,), ()]) | st.lists(st.integers(0, 30), max_size=4),
    st.sampled_from(["u1", "i1", ">f8", "S3", "?", "c16"]),
    st.sampled_from("CF"),
    share,
)

one_part = (bodies | messages | arrays).map(lambda body: {"body": bytearray(body)})
many_parts = st.dictionaries(st.text(min_size=1, max_size=8), bodies.map(bytearray), max_size=4)
headers = st.dictionaries(
    st.sampled_from(["Content-Type", "content-type", "Accept", "describe", "explain", "X-Health-Check", "url_path"]),
    st.sampled_from(["application/json", "application/x-npy", "image/png", "application/x-www-form-urlencoded", "True"])
    | st.text(max_size=10),
    max_size=3,
)
requests = st.tuples(one_part | many_parts, headers)
