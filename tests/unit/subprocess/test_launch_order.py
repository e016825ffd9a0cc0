"""Worker, shim and child agree on every field of an order, or say that they do not."""

import logging
import time

import pytest

from interlock_adapters.subprocess.launch_order import FIELDS, LaunchOrder
from interlock_adapters.subprocess.protocol import GarbledError
from interlock_adapters.subprocess.runner import runner


def new_order() -> LaunchOrder:
    return LaunchOrder(
        id="1",
        name="add",
        attempt=1,
        params={"a": 1},
        retry={},
        lease_deadline=9.0,
        isolation="process",
        limits={},
        trace={},
    )


def test_an_order_is_the_same_after_its_way() -> None:
    assert LaunchOrder.from_json(new_order().to_json()) == new_order()


def test_an_order_with_a_field_too_many_is_refused_and_names_it() -> None:
    sent = {**new_order().to_json(), "colour": "red"}
    with pytest.raises(GarbledError, match="in colour"):
        LaunchOrder.from_json(sent)


def test_an_order_with_a_field_too_few_is_refused_and_names_it() -> None:
    sent = new_order().to_json()
    del sent["params"]
    with pytest.raises(GarbledError, match="in params"):
        LaunchOrder.from_json(sent)


def test_a_zygote_of_another_version_starts_no_job_and_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(runner, "FIELDS", (*FIELDS, "colour"))
    opened = runner.open_runner(containment="subreaper", modules=[], main=None, ahead=1)
    try:
        with caplog.at_level(logging.ERROR):
            while not caplog.messages:
                opened.tend()
                time.sleep(0.01)
        assert "in colour. Restart the worker" in caplog.text
        assert not opened.is_ready
    finally:
        opened.close()
