"""What ends a run with one sentence instead of a traceback."""


class BenchmarkError(RuntimeError):
    """What is missing or went wrong, and what mends it."""
