"""Jobs that talk: of their secrets, and slowly."""

import time
from pathlib import Path

from interlock import job


@job(name="http.leak")
def leak(api_token: str, how: str) -> dict[str, str]:
    print(f"the token is {api_token}")
    if how == "error":
        raise ValueError(f"cannot use {api_token}")
    return {"seen": api_token}


@job(name="http.slow_talk")
def slow_talk(folder: str) -> None:
    """Say something, wait for a sign, say something else."""
    print("first", flush=True)
    while not Path(folder, "go").exists():
        time.sleep(0.01)
    print("second")


@job(name="http.pin", secret=("pin",))
def pin(pin: str, account: str) -> str:
    """Have a secret whose name looks like none."""
    return f"{account}: {pin}"
