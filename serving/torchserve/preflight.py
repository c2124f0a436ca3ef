"""Checks before TorchServe starts: archives, ports and memory. Each failure is one sentence with its remedy."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import psutil

from common.errors import UserError
from serving.deployment.archive_file import ArchiveError
from serving.deployment.model_store import ModelStore

WORKER_MB = 100  # a worker forked on Linux, with PyPI's torch
REQUIRED_MEMORY_MB = 1200  # Java under load 440 MB, torch 330 MB, three workers, and a reserve


class ServerError(UserError):
    """TorchServe cannot run; the message is one sentence with the remedy."""


def check_archives(model_store: ModelStore, names: Sequence[str]) -> list[str]:
    """Return the name of the model in each archive. Raises ServerError when one is missing or damaged."""
    try:
        return [model_store.archive(name).model for name in names]
    except ArchiveError as error:
        raise ServerError(str(error)) from error


def check_ports(settings: Mapping[str, str]) -> None:
    """Raise ServerError when one of the five listeners cannot bind its port."""
    for variable, (host, port) in _listeners(settings).items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                sentence = f"{port_error(host, port, error)}; free it, or choose another with {variable}"
                raise ServerError(sentence) from error


def port_error(host: str, port: int, error: OSError) -> str:
    """Say why a port cannot be bound: the process that listens on it, where this user may see it, or `error`."""
    return f"port {port} of {host} is not available ({_process_listening_on(port) or error.strerror})"


def check_memory() -> None:
    """Raise ServerError when Java and the workers do not fit into the free memory."""
    available_mb = _available_mb()
    if available_mb < REQUIRED_MEMORY_MB:
        raise ServerError(
            f"{available_mb} MB of memory are free, and TorchServe with its workers needs {REQUIRED_MEMORY_MB}; "
            "close other programs, or lower minWorkers and maxWorkers in model/mnist/model-config.yaml"
        )


def check_memory_for_workers(count: int) -> None:
    """Raise ServerError when `count` more workers do not fit beside the running ones."""
    if (available_mb := _available_mb()) < count * WORKER_MB:
        raise ServerError(
            f"{available_mb} MB of memory are free, and {count} more workers need {count * WORKER_MB}; "
            "close other programs"
        )


def _available_mb() -> int:
    return psutil.virtual_memory().available // 2**20


def _listeners(settings: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    """Return host and port of each listener, by the environment variable that changes it."""
    listeners = {}
    for name in ("inference", "management", "metrics"):
        url = urlsplit(settings[f"{name}_address"])
        listeners[f"TS_{name.upper()}_ADDRESS"] = (url.hostname or "", url.port or 80)
    for name in ("grpc_inference", "grpc_management"):
        listeners[f"TS_{name.upper()}_PORT"] = (settings[f"{name}_address"], int(settings[f"{name}_port"]))
    return listeners


def _process_listening_on(port: int) -> str | None:
    """Name the process that listens on `port`, or return None where this user may not see it."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f"process {connection.pid}, {psutil.Process(connection.pid).name()}, listens on it"
    except psutil.Error:
        pass
    return None
