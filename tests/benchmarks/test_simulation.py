"""The simulation agrees with queueing theory where that has closed forms, and with arithmetic where it has none."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from benchmarks.simulation import QUOTA_PERIOD_S, Costs, Service, Simulation, saturation

RUNS = 10
STUDENT_T = 3.25  # 99 % of Student's t with RUNS - 1 degrees of freedom lie within


def one_server(random, **changes):
    """One worker whose service takes a second on average, exponentially distributed where `random` is given."""
    drawn = random.exponential if random else float
    return Service(Costs(batch_s=1.0), **{"replicas": 1, "workers": 1, "batch_size": 1, "drawn": drawn, **changes})


def mean_latencies(rate, seconds=2000.0, *, exponential=True, **changes):
    """Mean latency of each of RUNS independent runs."""
    for seed in range(RUNS):
        random = np.random.default_rng(1000 + seed) if exponential else None
        simulation = Simulation(one_server(random, **changes), seed, warm_up_s=seconds / 10)
        simulation.open_loop(rate, seconds)
        yield statistics.mean(simulation.latencies_s)


def assert_mean(values, expected):
    """Assert that the expected mean is inside the 99 % confidence interval, and that this is narrow enough to tell."""
    values = list(values)
    half = STUDENT_T * statistics.stdev(values) / math.sqrt(len(values))
    assert half < 0.15 * expected
    assert abs(statistics.mean(values) - expected) < half


def test_one_worker_is_an_m_m_1_queue():
    assert_mean(mean_latencies(0.7), 1 / (1 - 0.7))


def test_services_that_all_take_the_same_are_m_d_1():
    assert_mean(mean_latencies(0.7, exponential=False), 1 + 0.7 / (2 * (1 - 0.7)))


def test_two_workers_are_m_m_2():
    load = 1.4
    waits = load**2 / 2 / (1 - load / 2)
    delayed = waits / (1 + load + waits)  # Erlang's C
    assert_mean(mean_latencies(load, workers=2), 1 + delayed / (2 - load))


def test_batches_wait_as_bulk_service_does():
    """M/M(1,4)/1: n wait behind a batch in service with probability busy * (1 - r) * r**n, or nobody is there."""
    rate, size = 3.0, 4
    roots = np.roots([1, *[0] * (size - 1), -(rate + 1), rate])
    (r,) = (root.real for root in roots if abs(root.imag) < 1e-9 and 0 < root.real < 1 - 1e-9)
    nobody_waits = 1 / (1 / (1 - r) + 1 / rate)
    waiting = nobody_waits * r / (1 - r) ** 2
    assert_mean(mean_latencies(rate, batch_size=size), 1 + waiting / rate)


def test_full_batches_set_the_throughput():
    costs = Costs(batch_s=0.004, request_s=0.001, frontend_batch_s=0.002, frontend_request_s=0.0005)
    service = Service(costs, replicas=2, batch_size=8, cores=1)
    per_batch_s = 0.004 + 0.002 + 8 * 0.0015
    assert saturation(service, connections=64) == pytest.approx(2 * 8 / per_batch_s, rel=0.01)


def test_a_quota_is_never_exceeded():
    service = Service(Costs(batch_s=0.003), replicas=1, batch_size=1, quota=0.3)
    assert saturation(service, connections=16) == pytest.approx(0.3 / 0.003, rel=0.01)


def test_who_comes_after_the_quota_waits_for_the_next_period():
    """30 ms in each 100 ms, requests of 20 ms: of three in 200 ms, one begins early enough, two wait 70 ms."""
    simulation = Simulation(Service(Costs(batch_s=0.02), 1, workers=1, batch_size=1, quota=0.3), 1, warm_up_s=0.5)
    simulation.closed_loop(1, seconds=2)
    stopped_s = QUOTA_PERIOD_S - 0.03
    assert sorted(simulation.latencies_s[:30]) == pytest.approx([0.02] * 10 + [0.02 + stopped_s] * 20)


def test_background_work_is_taken_from_the_quota():
    service = Service(Costs(batch_s=0.001, background=0.1), replicas=1, batch_size=1, quota=0.3)
    assert saturation(service, connections=16) == pytest.approx((0.3 - 0.1) / 0.001, rel=0.01)


def test_a_device_takes_one_batch_at_a_time():
    service = Service(Costs(device_s=0.01), replicas=1, batch_size=4)
    assert saturation(service, connections=64) == pytest.approx(4 / 0.01, rel=0.01)


def test_the_gateway_bounds_what_comes_through():
    service = Service(Costs(gateway_s=0.01, batch_s=0.001), replicas=4, gateway_cores=2)
    assert saturation(service, connections=64) == pytest.approx(2 / 0.01, rel=0.01)


def test_a_stopped_replica_gets_no_more_than_its_neighbours():
    """With least_conn, the throughput of several is theirs together, whatever the moments of their quotas."""
    service = Service(Costs(batch_s=0.002), replicas=1, batch_size=1, quota=0.2)
    three = Service(service.costs, replicas=3, batch_size=1, quota=0.2)
    assert saturation(three, connections=96) == pytest.approx(3 * saturation(service, connections=32), rel=0.02)


def test_the_same_seed_gives_the_same_run():
    def run(seed):
        simulation = Simulation(one_server(None), seed, warm_up_s=10)
        simulation.open_loop(0.5, 100)
        return simulation.latencies_s

    assert run(1) == run(1) != run(2)
