"""Malicious bodies cost bounded memory and time, and each gets its response."""

from __future__ import annotations

import multiprocessing

import numpy as np
import pytest

from tests.handlers.resource_usage import measure_cost
from tests.payloads.malicious import arrays, image_files, images, messages
from tests.payloads.malicious.limits import BODY_LIMIT
from tests.payloads.valid_edge_cases import SEVENS
from tests.support.assertions import npy

MAX_MB = 512
MAX_CPU_S = 10.0  # for slow machines; the most on the author's was 2.8
MAX_SENTENCE = 700
GIVE_UP_S = 120
REFUSED = {**images.REFUSED, **messages.REFUSED, **arrays.REFUSED}


@pytest.fixture(scope="module")
def cost():
    """Return a function that parses a body in a new process, forked from one that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.handlers.resource_usage"])
    with context.Pool(1, maxtasksperchild=1) as pool:
        yield lambda body: pool.apply_async(measure_cost, (body,)).get(GIVE_UP_S)


def assert_bounded(cost):
    assert cost.peak_mb < MAX_MB
    assert cost.cpu_s < MAX_CPU_S


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_at_bounded_cost(cost, name):
    make, words = REFUSED[name]
    body = make()
    assert len(body) <= BODY_LIMIT
    seen = cost(body)
    assert words in seen.refusal
    assert len(seen.refusal) < MAX_SENTENCE
    assert_bounded(seen)


@pytest.mark.parametrize("name", SEVENS)
def test_the_seven_in_it_is_read_at_bounded_cost(cost, mnist_handler, name):
    body = SEVENS[name]()
    assert len(body) <= BODY_LIMIT
    seen = cost(body)
    assert seen.refusal == ""
    assert mnist_handler.body(npy(seen.pixels)).json["predictions"][0]["digit"] == 7
    assert_bounded(seen)


@pytest.mark.parametrize("name", arrays.ODD)
def test_an_odd_array_of_digits_is_taken_as_it_is(cost, name):
    make, count = arrays.ODD[name]
    seen = cost(make())
    assert seen.refusal == ""
    assert seen.pixels.shape == (count, 28, 28)
    assert_bounded(seen)


def test_no_payload_was_lost():
    assert len(REFUSED) + len(SEVENS) + len(arrays.ODD) >= 115


def test_the_measurement_sees_a_large_image(cost):
    seen = cost(image_files.deep_tiff(np.full((4096, 4096), 1, np.int32)))
    assert seen.peak_mb > 64  # of its pixels alone
    assert seen.cpu_s > 0.05
