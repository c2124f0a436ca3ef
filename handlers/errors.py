"""Errors that a client can correct."""

from __future__ import annotations


class ClientError(ValueError):
    """A request is wrong. The message is one sentence: the fault, and the accepted form.

    The handler answers that request alone with `status`. Metrics count it under `outcome`.
    """

    outcome = "bad_request"
    status = 400


class UnsupportedEncodingError(ClientError):
    """The body has a Content-Encoding that is not accepted."""

    status = 415
