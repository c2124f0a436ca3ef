"""An hour of constant load in which versions change, workers are killed, and one request in ten is bad."""
