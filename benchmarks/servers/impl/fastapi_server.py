"""FastAPI on uvicorn: two processes, no batching (it has none), responses through a pydantic model."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel

from benchmarks.servers.impl.digit import decode, load_net, predict, responses

app = FastAPI()
net = load_net()


class Prediction(BaseModel):
    digit: int
    confidence: float
    probabilities: list[float]


@app.post("/predict")
async def predict_digit(request: Request) -> Prediction:
    (response,) = responses(predict(net, [decode(await request.body())]))
    return Prediction(**response)


if __name__ == "__main__":
    name = "benchmarks.servers.impl.fastapi_server:app"
    uvicorn.run(name, host="127.0.0.1", port=int(sys.argv[1]), workers=2, log_level="warning", access_log=False)
