"""A bare zygote: children forked ahead, one job each, then replaced."""

import os
import sys
import time


def spare() -> tuple[int, int, int]:
    """Fork a child that waits for one job and answers it."""
    order_r, order_w = os.pipe()
    answer_r, answer_w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.read(order_r, 1)
        os.write(answer_w, b"1")
        os._exit(0)
    os.close(order_r)
    os.close(answer_w)
    return pid, order_w, answer_r


def main(count: int, ahead: int) -> None:
    pool = [spare() for _ in range(ahead)]
    started = time.perf_counter()
    for _ in range(count):
        pid, order, answer = pool.pop(0)
        os.write(order, b"!")
        os.read(answer, 1)
        os.waitpid(pid, 0)
        os.close(order)
        os.close(answer)
        pool.append(spare())
    print(count / (time.perf_counter() - started))
    for pid, order, answer in pool:
        os.write(order, b"!")
        os.waitpid(pid, 0)
        os.close(answer)


main(int(sys.argv[1]), int(sys.argv[2]))
