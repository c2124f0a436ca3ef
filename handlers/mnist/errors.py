"""Errors that only the MNIST handler raises."""

from __future__ import annotations

from handlers.errors import ClientError


class NoDigitError(ClientError):
    """The image can be decoded, but no digit was found in it."""

    outcome = "no_digit"

    def __init__(
        self, message: str = "no digit found in the image; send one digit that stands out from its background"
    ) -> None:
        super().__init__(message)


class SeveralDigitsError(ClientError):
    """The image holds a number of several digits; the model reads one."""

    outcome = "several_digits"

    def __init__(self, count: int) -> None:
        super().__init__(f"the image holds {count} digits; send one digit")
