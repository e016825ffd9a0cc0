"""The settings of the commands: flag, then INTERLOCK_*, then pyproject.toml."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    PyprojectTomlConfigSettingsSource,
    SettingsConfigDict,
)

from interlock.core.errors import InvalidOption
from interlock.ports.discovery import DEFAULT_URL

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_FILE = Path("pyproject.toml")


class Settings(BaseSettings):
    """The settings of the commands."""

    model_config = SettingsConfigDict(
        env_prefix="INTERLOCK_",
        env_ignore_empty=True,
        pyproject_toml_table_header=("tool", "interlock"),
        extra="forbid",
    )

    database_url: str | None = Field(
        default=None,
        description=f"URL of the database. If nothing gives one: {DEFAULT_URL}",
    )
    server: str | None = Field(
        default=None,
        description="URL of a server to use instead of a database, such as "
        "http://127.0.0.1:8000",
    )
    token: str | None = Field(
        default=None,
        description="Token for that server. It has no flag, because every user of a "
        "machine sees the flags of its processes",
    )
    modules: str | list[str] = Field(
        default="",
        description="Modules that declare jobs, as a list or separated by commas. "
        "They are imported so that their jobs are known",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let flags win over the environment, and that over pyproject.toml."""
        del dotenv_settings, file_secret_settings
        toml = PyprojectTomlConfigSettingsSource(settings_cls, _FILE)
        return (init_settings, env_settings, toml)

    def module_names(self) -> list[str]:
        """Return the modules, from a list or from text with commas."""
        names = self.modules
        if isinstance(names, str):
            names = names.split(",")
        return [name.strip() for name in names if name.strip()]


def read() -> Settings:
    """Return the settings that apply in the current folder.

    Raises:
        InvalidOption: pyproject.toml cannot be read, or it has a setting that does not
            exist or a value of another type.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(map(_fault, error.errors(include_input=False)))
        message = (
            f"Interlock cannot use its settings: {faults}. Correct [tool.interlock] in "
            f"{_FILE}, which may have {', '.join(Settings.model_fields)}. Nothing was "
            "done."
        )
    except AttributeError:  # of pydantic-settings, which takes a table for granted
        message = f"[tool.interlock] in {_FILE} is not a table. Nothing was done."
    except (ValueError, OSError) as error:
        message = f"Interlock cannot read {_FILE}: {error}. Nothing was done."
    raise InvalidOption.because("[tool.interlock]", message)


def _fault(details: "ErrorDetails") -> str:
    """Return what is wrong with a setting, without its value: that may be secret."""
    name = details["loc"][0]
    if details["type"] == "extra_forbidden":
        return f"there is no {name}"
    return f"{name}: {details['msg']}"
