"""The settings of the commands: flag, then INTERLOCK_*, then pyproject.toml."""

from pathlib import Path

from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    PyprojectTomlConfigSettingsSource,
    SettingsConfigDict,
)


class Settings(BaseSettings):
    """The settings; `modules` are imported so that their jobs are known.

    The token has no flag: every user of a machine sees the flags of its processes.
    """

    model_config = SettingsConfigDict(
        env_prefix="INTERLOCK_",
        env_ignore_empty=True,
        pyproject_toml_table_header=("tool", "interlock"),
        extra="ignore",
    )

    database_url: str | None = None
    server: str | None = None
    token: str | None = None
    modules: str | list[str] = ""

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
