"""What can be known to go wrong before TorchServe is started, said in a sentence with its remedy."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import psutil

from serving.deployment.archive_file import ArchiveError
from serving.deployment.model_store import ModelStore

WORKER_MB = 100  # on Linux, with PyPI's torch
MEMORY_NEEDED_MB = 1200  # Java 440 MB under load, torch 330, three workers, and some air


class ServerError(RuntimeError):
    """Why TorchServe cannot run, and what to do about it."""


def check_archives(model_store: ModelStore, names: Sequence[str]) -> list[str]:
    """Name the models in the archives that are to be loaded. Raises ServerError when one is no archive."""
    try:
        return [model_store.archive(name).model for name in names]
    except ArchiveError as error:
        raise ServerError(str(error)) from error


def check_ports(settings: Mapping[str, str]) -> None:
    """Raise ServerError when one of the five listeners finds its port taken, or may not have it."""
    for variable, (host, port) in _listeners(settings).items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                sentence = f"{unavailable(host, port, error)}; stop that, or choose another with {variable}"
                raise ServerError(sentence) from error


def unavailable(host: str, port: int, error: OSError) -> str:
    """Say that a port cannot be had, and who has it, where this user may know."""
    return f"port {port} of {host} cannot be had ({_owner_of(port) or error.strerror})"


def check_memory() -> None:
    """Raise ServerError when the workers would not fit."""
    available_mb = _available_mb()
    if available_mb < MEMORY_NEEDED_MB:
        raise ServerError(
            f"{available_mb} MB of memory are free, and TorchServe with its workers needs {MEMORY_NEEDED_MB}; "
            "close something, or lower minWorkers and maxWorkers in model/mnist/model-config.yaml"
        )


def check_memory_for_workers(count: int) -> None:
    """Raise ServerError when `count` more workers would not fit beside those that serve."""
    if (available_mb := _available_mb()) < count * WORKER_MB:
        raise ServerError(
            f"{available_mb} MB of memory are free, and {count} workers beside those that serve need "
            f"{count * WORKER_MB}; close something"
        )


def _available_mb() -> int:
    return psutil.virtual_memory().available // 2**20


def _listeners(settings: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    """Host and port of each listener, by the variable that changes it."""
    listeners = {}
    for name in ("inference", "management", "metrics"):
        url = urlsplit(settings[f"{name}_address"])
        listeners[f"TS_{name.upper()}_ADDRESS"] = (url.hostname or "", url.port or 80)
    for name in ("grpc_inference", "grpc_management"):
        listeners[f"TS_{name.upper()}_PORT"] = (settings[f"{name}_address"], int(settings[f"{name}_port"]))
    return listeners


def _owner_of(port: int) -> str | None:
    """Name the process that listens on `port`, where this user may know."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f"process {connection.pid}, {psutil.Process(connection.pid).name()}, listens there"
    except psutil.Error:
        pass
    return None
