"""Coverage-guided fuzzing of the request parsers: `make fuzz`."""
