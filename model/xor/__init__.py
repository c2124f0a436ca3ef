"""The XOR model."""
