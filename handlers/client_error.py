"""The one exception that means: this request is wrong, and its sender can mend it."""

from __future__ import annotations


class ClientError(ValueError):
    """What was wrong with a request and what would be accepted, in one sentence.

    The handler answers it as status 400 to that request alone.
    """
