"""What a client asked of the MNIST model, whatever form it came in.

A form is known by its content, so every form works at every route of TorchServe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from numpy.typing import NDArray

from handlers import request_body
from handlers.errors import ClientError
from handlers.mnist.preprocessing.normalize import read_digit
from handlers.mnist.protocols import npy, v1, v2
from handlers.mnist.protocols.arrays import PIXELS, from_images

MAX_EXPLAINED = 100
PROBE = "x-health-check"
BINARY = "inference-header-content-length"


class DigitRequest(NamedTuple):
    """Pixels [n, 784], uint8 from 0 to 255 or float32 from 0 to 1, and the form their answer takes.

    A probe is a health check's: answered as any, and not counted among what people sent.
    """

    pixels: NDArray[Any]
    form: Literal["one", "many", "v2", "npy"]
    id: str | None = None
    outputs: Sequence[str] = ()
    explain: bool = False
    probe: bool = False


def parse(parts: Mapping[str, Any], headers: Mapping[str, str]) -> DigitRequest:
    """Read one request as TorchServe hands it over: the parts of its body and its headers (names in lower case).

    Raises ClientError for whatever no form covers.
    """
    request = _parse_form(request_body.read(parts, headers), headers)
    if PROBE in headers:
        request = request._replace(probe=True)
    if headers.get("explain") != "True":
        return request
    if len(request.pixels) > MAX_EXPLAINED:
        raise ClientError(f"{len(request.pixels)} digits are too many to explain at once; send 1 to {MAX_EXPLAINED}")
    return request._replace(explain=True)


def _parse_form(bodies: Mapping[str, bytes], headers: Mapping[str, str]) -> DigitRequest:
    if len(bodies) > 1:
        return DigitRequest(from_images(bodies), "many")
    (body,) = bodies.values()
    content_type = headers.get("content-type", "")
    if body.startswith(npy.MAGIC) or npy.CONTENT_TYPE in content_type:
        return DigitRequest(npy.parse(body), "npy" if npy.CONTENT_TYPE in headers.get("accept", "") else "many")
    if BINARY in headers:
        raise ClientError("the tensors came as binary data; send them as JSON (tritonclient: binary_data=False)")
    if request_body.is_json(body, content_type):
        return _parse_json(request_body.load_json(body))
    return DigitRequest(read_digit(body).reshape(1, PIXELS), "one")


def _parse_json(message: Any) -> DigitRequest:
    if isinstance(message, dict) and "instances" in message:
        return DigitRequest(v1.parse(message["instances"]), "many")
    if isinstance(message, dict) and "inputs" in message:
        return DigitRequest(v2.parse(message), "v2", *v2.parse_envelope(message))
    raise ClientError('the JSON has neither "instances" nor "inputs"; send {"instances": [...]} or {"inputs": [...]}')
