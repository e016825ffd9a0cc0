"""Django's ORM, configured and used when the module is imported."""

import os
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.db import connection, models

from interlock import job

_url = urlsplit(os.environ["T_POSTGRES"])
settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _url.path[1:],
            "USER": _url.username,
            "HOST": _url.hostname or "",
            "PORT": _url.port or "",
            "CONN_MAX_AGE": None,
        }
    }
)
django.setup()


class Thing(models.Model):  # type: ignore[misc]  # Django has no types
    number = models.IntegerField()

    class Meta:
        app_label = "e2e"
        db_table = "e2e_thing"

    def __str__(self) -> str:
        return str(self.number)


assert Thing.objects.count() == 0


@job(name="e2e.django", timeout=60)
def things(number: int) -> list[int]:
    """Return the backends that answered."""
    backends = set()
    for turn in range(20):
        thing = Thing.objects.create(number=number * 1000 + turn)
        assert Thing.objects.get(pk=thing.pk).number == number * 1000 + turn
        with connection.cursor() as cursor:
            cursor.execute("select pg_backend_pid()")
            backends.add(cursor.fetchone()[0])
    assert Thing.objects.filter(number__range=(number * 1000, number * 1000 + 999))
    return sorted(backends)
