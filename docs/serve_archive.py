"""Serve an archive of this project without TorchServe's Java, with aiohttp: see docs/leaving-torchserve.md.

.venv/bin/python docs/serve_archive.py model_store/mnist.mar 8090
"""

import asyncio
import importlib
import json
import sys
import tempfile
import zipfile
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

from aiohttp import web

MAX_BATCH, MAX_QUEUE = 32, 1000
archive, port = sys.argv[1:]
folder = tempfile.mkdtemp()
zipfile.ZipFile(archive).extractall(folder)
sys.path.insert(0, folder)  # an archive brings the packages that its handler imports

module = importlib.import_module("handler")
RawRequest = importlib.import_module("handlers.messages").RawRequest
manifest = json.loads(Path(folder, "MAR-INF/MANIFEST.json").read_text())
name = manifest["model"]["modelName"]
(handler,) = (c() for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__)
settings = {"model_dir": folder, "gpu_id": None}
no_metrics = SimpleNamespace(cache={})  # TorchServe is the one that publishes them
handler.initialize(SimpleNamespace(manifest=manifest, model_name=name, system_properties=settings, metrics=no_metrics))


async def answer(http: web.Request) -> web.Response:
    """Queue one request and wait for the handler's response to it."""
    headers = {key.lower(): value for key, value in http.headers.items()}
    headers["explain"] = str(http.path.startswith("/explanations"))
    request = RawRequest(str(uuid4()), headers, {"body": await http.read()})
    response = asyncio.get_running_loop().create_future()
    try:
        http.app["queue"].put_nowait((request, response))
    except asyncio.QueueFull:
        return web.json_response({"error": "the queue is full; try again"}, status=429)
    body, content_type, status, _, more = await response
    return web.Response(body=body, status=status, headers={"Content-Type": content_type, **dict(more)})


async def handle_batches(queue: asyncio.Queue) -> None:
    """Give the handler all that waits, at most `MAX_BATCH` requests at once."""
    while True:
        batch = [await queue.get()]
        while not queue.empty() and len(batch) < MAX_BATCH:
            batch.append(queue.get_nowait())
        responses = await asyncio.to_thread(handler.handle_batch, [request for request, _ in batch])
        for (_, waiting), response in zip(batch, responses, strict=True):
            if not waiting.done():  # its client is gone
                waiting.set_result(response)


async def start(app: web.Application) -> None:
    app["queue"] = asyncio.Queue(MAX_QUEUE)
    app["task"] = asyncio.create_task(handle_batches(app["queue"]))


app = web.Application(client_max_size=2**26)
app.on_startup.append(start)
for path in (f"/predictions/{name}", f"/explanations/{name}", f"/v1/models/{name}:predict", f"/v2/models/{name}/infer"):
    app.router.add_post(path, answer)
web.run_app(app, host="127.0.0.1", port=int(port))
