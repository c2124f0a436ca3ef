"""The MNIST classifier."""
