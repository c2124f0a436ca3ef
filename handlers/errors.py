"""The exceptions that mean: this request is wrong, and its sender can mend it."""

from __future__ import annotations


class ClientError(ValueError):
    """What was wrong with a request and what would be accepted, in one sentence.

    The handler answers it as status 400 to that request alone. `outcome` is what metrics count it as.
    """

    outcome = "bad_request"


class NoDigitError(ClientError):
    """The image can be read, and there is no digit in it."""

    outcome = "no_digit"
