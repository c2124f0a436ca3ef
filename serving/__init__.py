"""TorchServe on this machine, and a client for it. Talks to it over HTTP only."""
