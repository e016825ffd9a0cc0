"""The settings of the commands: flag, then INTERLOCK_*, then pyproject.toml."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    PyprojectTomlConfigSettingsSource,
    SettingsConfigDict,
)

from interlock.ports.discovery import DEFAULT_URL


class Settings(BaseSettings):
    """The settings of the commands."""

    model_config = SettingsConfigDict(
        env_prefix="INTERLOCK_",
        env_ignore_empty=True,
        pyproject_toml_table_header=("tool", "interlock"),
        extra="ignore",
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
        toml = PyprojectTomlConfigSettingsSource(settings_cls, Path("pyproject.toml"))
        return (init_settings, env_settings, toml)

    def module_names(self) -> list[str]:
        """Return the modules, from a list or from text with commas."""
        names = self.modules
        if isinstance(names, str):
            names = names.split(",")
        return [name.strip() for name in names if name.strip()]
