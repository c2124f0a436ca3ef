"""The port of the supervisor's health endpoints. Imports nothing: the health check runs every few seconds."""

HEALTH_PORT = 8090
