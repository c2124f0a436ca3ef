"""An hour of constant load in which versions are rolled, workers killed, and one request in ten is bad."""
