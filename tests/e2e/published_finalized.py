"""A job with a finalizer that the tests do not import."""

from interlock import job

from .step_jobs import note


def _clean(path: str) -> None:
    note(path, "cleaned elsewhere")


@job(finalizer=_clean)
def elsewhere(path: str) -> None:
    note(path, "elsewhere")
