"""What was released stays as it is, and the head is what the code generates."""

import hashlib
from pathlib import Path

import pytest

from interlock_adapters.sql.schema import guard_digests, installed_guards, upgrade
from interlock_adapters.sql.schema.flavor import POSTGRES, SQLITE
from interlock_adapters.sql.schema.tables import LIFECYCLE_ROWS

MIGRATIONS = Path(upgrade.__file__).parent / "migrations" / "versions"
#: Databases were made by these very files: a fix of one is another migration.
FROZEN = {
    "0001_first_schema.py": (
        "7a04f1c9141da5eac89163e7db15cb0967f687f9de9587b701af73f526ba6c86"
    ),
    "0002_feed_and_answers.py": (
        "4c23b0fa4ea388b872c589bd44ee893e325f51f41f122186c27862ee19cad3f7"
    ),
    "0003_usage_and_lineage.py": (
        "289fad888c77b4480115f0a1596848e1bdf700131d82e34f5cef64789aba5f0b"
    ),
    "0004_prefix_and_exact_json.py": (
        "9020ffdf777d953229d3bb4f494c37aff9d00b8654b4f95a64f61d7c1a542a11"
    ),
    "0005_open_and_parked_jobs.py": (
        "434e7317725e7d6c1d85fe549a749a332558e6bb7d52d68aab0ec0656a381bde"
    ),
    "0006_tally_and_place.py": (
        "2f5edb39b56be028074a2307927dac3982871630497b00948ab4e8c03dee16cd"
    ),
    "0007_work_that_waits.py": (
        "1ea58f4847836f54d933399ccd8842e37f4a610c335d0d3d9d0f06a39ca0540d"
    ),
    "0008_leaner_guards.py": (
        "59f909f7e788bf4fe01f10d580e9f700988d0b3fda33b237fada0a9808e36d67"
    ),
    "0009_work_made_of_jobs.py": (
        "6838e2c1da1ff1c4182adee0f3d6c44c3d3d32f681bb7872b69a901c672568e3"
    ),
    "0010_reruns_and_remarks.py": (
        "5a2ae9d50c2c747365ecb41d2992cce234616386d1bc0df340208d17ac078ca7"
    ),
}


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRES])
def test_the_guards_of_the_head_are_those_recorded(dialect: str) -> None:
    now = installed_guards.digest(installed_guards.expected(dialect))
    assert now == guard_digests.GUARDS[guard_digests.HEAD][dialect], (
        "the guards changed; write a migration and record its digest in released.py: "
        f"{dialect} {now}"
    )


def test_no_migration_that_was_released_changes() -> None:
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in MIGRATIONS.glob("0*.py")
    }
    assert found == FROZEN, "write another migration, and freeze it here"


def test_a_digest_sees_every_trigger_and_every_row() -> None:
    wanted = installed_guards.expected(SQLITE)
    whole = installed_guards.digest(wanted)
    for name in wanted:
        assert installed_guards.digest({**wanted, name: "weaker"}) != whole
        assert (
            installed_guards.digest({k: v for k, v in wanted.items() if k != name})
            != whole
        )
    rows = LIFECYCLE_ROWS
    assert installed_guards.digest(wanted, rows[1:]) != whole
    assert (
        installed_guards.digest(wanted, [*rows[1:], {**rows[0], "who": "anybody"}])
        != whole
    )
    assert installed_guards.digest(wanted, rows[::-1]) == whole
