"""Small helpers that training, serving, benchmarks and tests share. Nothing here knows of a model."""
