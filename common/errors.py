"""The error that commands print as one sentence."""

from __future__ import annotations


class UserError(Exception):
    """An error that the user can mend; its message is one sentence that says how."""
