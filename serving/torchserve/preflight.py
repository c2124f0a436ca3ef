"""Checks before TorchServe starts: archives, ports and memory. Each failure is one sentence with its remedy."""

from __future__ import annotations

import re
import socket
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import psutil

from common.errors import UserError
from serving.deployment.archive_file import Archive, ArchiveError
from serving.deployment.model_store import ModelStore

MODEL_CONFIG = "model-config.yaml"
WORKER_MB = 100  # a worker forked on Linux, with PyPI's torch
BASE_MEMORY_MB = 900  # Java under load 440 MB, torch 330 MB, and a reserve


class ServerError(UserError):
    """TorchServe cannot run; the message is one sentence with the remedy."""


def check_archives(model_store: ModelStore, names: Sequence[str]) -> list[Archive]:
    """Read the archives. Raises ServerError when one is missing or damaged."""
    try:
        return [model_store.archive(name) for name in names]
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


def check_memory(archives: Sequence[Archive]) -> None:
    """Raise ServerError when Java and the workers of the archives do not fit into the free memory."""
    workers = Counter[str]()
    for archive in archives:
        workers[archive.model] += _count_workers(archive)
    required_mb = BASE_MEMORY_MB + WORKER_MB * workers.total()
    if (available_mb := _available_mb()) < required_mb:
        raise ServerError(
            f"{available_mb} MB of memory are free, and TorchServe with {workers.total()} workers needs {required_mb}; "
            "close other programs, or lower minWorkers and maxWorkers in "
            f"model/{max(workers, key=workers.__getitem__, default='NAME')}/{MODEL_CONFIG}"
        )


def _count_workers(archive: Archive) -> int:
    """Return `minWorkers` of an archive's model-config.yaml; without it, config.properties gives a model one worker."""
    with zipfile.ZipFile(archive.path) as packed:
        if MODEL_CONFIG not in packed.namelist():
            return 1
        found = re.search(rb"^minWorkers: *(\d+)", packed.read(MODEL_CONFIG), re.MULTILINE)
        return int(found[1]) if found else 1


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
