"""Jobs to look at."""

import sys
import time
from pathlib import Path

from interlock import Interrupted, Limit, Retry, TransientError, current_job, job


@job(name="reports.render", retry=Retry(max_attempts=3, backoff=0.05))
def render(pages: int) -> dict[str, int]:
    """Fail at first, now and then."""
    if pages % 4 == 0 and current_job().attempt == 1:
        raise TransientError("the printer is busy")
    return {"pages": pages}


@job(name="reports.index", timeout=0.5, grace=0)
def index() -> None:
    """Take too long."""
    time.sleep(60)


@job(name="mail.send", queue="mail")
def send(to: str, password: str) -> None:
    """Fail, and say a secret."""
    print(f"logging in with {password}", file=sys.stderr)
    raise ValueError(f"no such address: {to}")


@job(name="train.model", queue="gpu", grace=0.5)
def train(epochs: int) -> None:
    """Tell how far it is, in HTML that must not be one; leave in order when stopped."""
    try:
        for epoch in range(epochs):
            current_job().progress(
                phase="training", completed=epoch, total=epochs, unit="epochs"
            )
            print(f"<b id=evil>epoch {epoch}</b>", flush=True)
            time.sleep(0.2)
    except Interrupted as stop:
        print(f"leaving, because of a {stop.cause.lower()}")


@job(
    name="shop.sync",
    queue="shops",
    concurrency=[Limit("shop:{shop}", max_running=1, rate_limit="100/m", weight=1)],
    fairness_key="{shop}",
)
def sync(shop: str, seconds: float = 0) -> str:
    """Ask a shop that allows one call at a time."""
    time.sleep(seconds)
    return shop


@job(name="shop.fragile")
def fragile(number: int, needs: Path) -> int:
    """Fail until a file is there."""
    if not needs.exists():
        raise RuntimeError(f"number {number} is not ready")
    return number


@job(name="logs.chatty")
def chatty(lines: int) -> None:
    """Print many lines: colours, levels, and a few errors."""
    for number in range(lines):
        level = "ERROR" if number % 100 == 0 else "INFO"
        print(f"{level} \x1b[31mline {number}\x1b[0m")
