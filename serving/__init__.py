"""TorchServe on this machine: its process, deployments, a client and the command line."""

__version__ = "0.1.0"
