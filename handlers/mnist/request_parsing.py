"""Parse a request for the MNIST model in any accepted form.

The form is recognized by content, so every form works at every route of TorchServe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from numpy.typing import NDArray

from handlers import request_body
from handlers.errors import ClientError
from handlers.mnist.preprocessing.pipeline import preprocess_image
from handlers.mnist.protocols import npy, v1, v2
from handlers.mnist.protocols.arrays import NUM_PIXELS, preprocess_images

MAX_EXPLAINED = 100
HEALTH_CHECK_HEADER = "x-health-check"
BINARY_TENSOR_HEADER = "inference-header-content-length"


class DigitRequest(NamedTuple):
    """Pixels [n, 784], uint8 from 0 to 255 or float32 from 0 to 1, and the form of the response.

    A health check is answered like any request, but its predictions are not counted.
    """

    pixels: NDArray[Any]
    form: Literal["single", "list", "v2", "npy"]
    id: str | None = None
    outputs: Sequence[str] = ()
    explain: bool = False
    health_check: bool = False


def parse(parts: Mapping[str, Any], headers: Mapping[str, str]) -> DigitRequest:
    """Parse one request from the parts of its body and its headers with lowercase names. Raises ClientError."""
    request = _parse_form(request_body.read_parts(parts, headers), headers)
    if HEALTH_CHECK_HEADER in headers:
        request = request._replace(health_check=True)
    if headers.get("explain") != "True":
        return request
    if len(request.pixels) > MAX_EXPLAINED:
        raise ClientError(f"{len(request.pixels)} digits are too many to explain at once; send 1 to {MAX_EXPLAINED}")
    return request._replace(explain=True)


def _parse_form(bodies: Mapping[str, bytes], headers: Mapping[str, str]) -> DigitRequest:
    if len(bodies) > 1:
        return DigitRequest(preprocess_images(bodies), "list")
    (body,) = bodies.values()
    content_type = headers.get("content-type", "")
    if body.startswith(npy.MAGIC) or npy.CONTENT_TYPE in content_type:
        return DigitRequest(npy.parse(body), "npy" if npy.CONTENT_TYPE in headers.get("accept", "") else "list")
    if BINARY_TENSOR_HEADER in headers:
        raise ClientError("the tensors came as binary data; send them as JSON (tritonclient: binary_data=False)")
    if request_body.is_json(body, content_type):
        return _parse_json(request_body.load_json(body))
    return DigitRequest(preprocess_image(body).reshape(1, NUM_PIXELS), "single")


def _parse_json(message: Any) -> DigitRequest:
    if isinstance(message, dict) and "instances" in message:
        return DigitRequest(v1.parse(message["instances"]), "list")
    if isinstance(message, dict) and "inputs" in message:
        return DigitRequest(v2.parse(message), "v2", *v2.parse_envelope(message))
    raise ClientError('the JSON has neither "instances" nor "inputs"; send {"instances": [...]} or {"inputs": [...]}')
