"""A script with jobs that start processes of their own; copied and run by a test."""

import json
import multiprocessing
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from interlock import Engine, job


@dataclass
class Point:
    x: int


def square(number: int) -> int:
    return number * number


@job()
def double(number: int) -> int:
    return number * 2


@job()
def told(how: str) -> object:
    if how == "pickle":
        copy = pickle.loads(pickle.dumps(Point(3)))
        return [copy.x, Point.__module__, __name__, sys.argv[1:]]
    if how == "executor":
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            return list(pool.map(square, range(3)))
    if how == "a job's function":
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            return pool.map(double, range(3))
    with multiprocessing.get_context(how).Pool(2) as pool:
        return pool.map(square, range(3))


HOWS = ("pickle", "spawn", "forkserver", "fork", "executor", "a job's function")

if __name__ == "__main__":
    with Engine.open("sqlite:///jobs.db") as engine, engine.worker(concurrency=3):
        handles = {how: engine.submit(told, how) for how in HOWS}
        results = {how: handle.result(60) for how, handle in handles.items()}
        print(json.dumps([told.name, results]))
