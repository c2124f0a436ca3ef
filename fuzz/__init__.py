"""Coverage-guided fuzzing of what reads requests: `make fuzz`."""
