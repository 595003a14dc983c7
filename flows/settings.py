"""The configuration: one TOML file, overridden by `SEGMENTWERK_…` variables, read into frozen models.

Each section is defined beside what it configures; this file puts them together and says what is wrong in one line.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from flows.planned_campaigns import (
    CONTROL_SHARE,
    CampaignFileError,
    PlannedCampaign,
    read_campaign_file,
    split_control,
)
from models.keys import IdentitySettings
from models.mapping import Source
from models.maps import MapMethod
from models.own_factors import OwnFactor
from models.promotion import PromotionSettings
from models.retention import RetentionLimits
from models.retraining import RetrainingSettings
from models.schemas import EVENT_KINDS
from models.timezones import Timezone
from models.training_settings import TrainingSettings
from monitoring.drift_settings import DriftSettings
from monitoring.experiments import CONTROL, Campaign, MeasurementSettings
from monitoring.experiments.holdout import HoldoutSettings
from monitoring.experiments.planning import ExperimentDesign
from monitoring.experiments.power import Design
from monitoring.notices import Notification
from monitoring.pages.layout.catalogues import find_locale
from monitoring.playbook import Play, check_sections
from tasks.destinations import Export, load_destinations
from tasks.engines import EngineSettings
from tasks.places import Places
from tasks.pseudonyms import read_secret
from tasks.redaction import keep_environment, keep_secret
from tasks.staging import ShopRules

BI = Export(name="bi", destination="bi", path=Path("bi"))
_SHOWN = 300
_NOT_IN_HOME = frozenset("%?*[]\\^|#")
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


class ConfigError(ValueError):
    """The configuration is wrong; the message names the file, the key, the value and what is allowed."""


class Section(BaseModel):
    """A part of the file: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FeatureSettings(Section):
    """`[features]`: how far ahead outcomes are looked at, what holds where a shop records no consent, own factors."""

    outcome_days: int = Field(default=90, ge=7, le=365)
    consent_default: bool = True
    factors: tuple[OwnFactor, ...] = ()

    @field_validator("factors")
    @classmethod
    def _distinct_factors(cls, factors: tuple[OwnFactor, ...]) -> tuple[OwnFactor, ...]:
        names = [factor.name for factor in factors]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two factors are called '{twice[0]}'; each needs a name of its own")
        return factors


class ReportSettings(Section):
    """`[report]`: the site's name, language and maps, the smallest group it shows, where it is, and what prints it."""

    title: str = "Segmentwerk"
    language: str = "en"
    maps: tuple[MapMethod, ...] = ("pca",)
    smallest_group: int = Field(default=10, ge=1)
    address: str | None = None
    browser: str | None = None

    @field_validator("address")
    @classmethod
    def _web_address(cls, address: str | None) -> str | None:
        if address is None:
            return None
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(
                "must be where a browser finds the published reports, such as https://reports.example.org/shop"
            )
        if parts.username or parts.password:
            raise ValueError("must hold no name and no password: it stands in every mail")
        return address.rstrip("/")

    @field_validator("language")
    @classmethod
    def _known_language(cls, language: str) -> str:
        find_locale(language)
        return language


class SegmentSettings(Section):
    """`[segments]`: names the owner gives, by segment id: `names = { 1 = "Regulars" }`."""

    names: dict[int, str] = {}

    @field_validator("names")
    @classmethod
    def _distinct_names(cls, names: dict[int, str]) -> dict[int, str]:
        said = {segment: name.strip() for segment, name in names.items()}
        empty = [segment for segment, name in said.items() if not name]
        if empty:
            raise ValueError(f"the name of segment {empty[0]} is empty; leave it out to have one found")
        twice = [name for name in said.values() if list(said.values()).count(name) > 1]
        if twice:
            raise ValueError(f"two segments are called '{twice[0]}'; each needs a name of its own")
        return said


class Settings(BaseSettings):
    """Everything a run needs to know. Relative paths are relative to the file."""

    model_config = SettingsConfigDict(
        env_prefix="SEGMENTWERK_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")
    timezone: Timezone = "UTC"
    home: str = "var"
    mlflow_tracking_uri: str | None = None
    pseudonym_key: SecretStr | None = None
    extra_kinds: tuple[str, ...] = ()
    sources: tuple[Source, ...] = Field(min_length=1)
    identity: IdentitySettings = IdentitySettings()
    engine: EngineSettings = EngineSettings()
    features: FeatureSettings = FeatureSettings()
    training: TrainingSettings = TrainingSettings()
    promotion: PromotionSettings = PromotionSettings()
    drift: DriftSettings = DriftSettings()
    retraining: RetrainingSettings = RetrainingSettings()
    measurement: MeasurementSettings = MeasurementSettings()
    holdout: HoldoutSettings = HoldoutSettings()
    retention: RetentionLimits = RetentionLimits()
    report: ReportSettings = ReportSettings()
    segments: SegmentSettings = SegmentSettings()
    playbook: dict[str, Play] = {}
    campaigns: tuple[PlannedCampaign, ...] = ()
    campaigns_file: str | None = None
    exports: tuple[Export, ...] = ()
    notifications: tuple[Notification, ...] = ()
    base: str = Field(default=".", exclude=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic passes all of these by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment comes before the file, which arrives as init arguments."""
        return env_settings, init_settings

    @field_validator("sources", "exports")
    @classmethod
    def _distinct_names(cls, sections: tuple[Source | Export, ...], info: ValidationInfo) -> Any:
        _require_distinct([section.name for section in sections], f"two {info.field_name} are called")
        return sections

    @field_validator("campaigns")
    @classmethod
    def _distinct_ids(cls, campaigns: tuple[PlannedCampaign, ...]) -> tuple[PlannedCampaign, ...]:
        ids = [campaign.campaign_id for campaign in campaigns]
        _require_distinct(ids, "two campaigns have the campaign_id")
        return campaigns

    @field_validator("playbook", mode="before")
    @classmethod
    def _named_sections(cls, playbook: Any) -> Any:
        return check_sections(playbook)

    def list_secrets(self) -> Iterator[str]:
        """What must never be logged or told: the key, connections, the registry's address where it has a login."""
        if self.pseudonym_key is not None:
            yield self.pseudonym_key.get_secret_value()
        if "@" in (self.mlflow_tracking_uri or ""):
            yield str(self.mlflow_tracking_uri)
        for source in self.sources:
            if source.connection is not None:
                yield source.connection.get_secret_value()

    def shop_rules(self, *, secret: bytes | None = None) -> ShopRules:
        """What holds for every source. Without a `secret` it is the shop's own, made here where there is none."""
        return ShopRules(
            secret=secret or read_secret(self.home, self.pseudonym_key),
            timezone=self.timezone,
            currency=self.currency,
            kinds=(*EVENT_KINDS, *self.extra_kinds),
            identity=self.identity,
        )

    @property
    def reports_folder(self) -> Path:
        """Where the report sites go: under `home`, or beside the file where `home` is a URI."""
        home = Path(self.base) / "var" if "://" in self.home else Path(self.home)
        return home / "reports"

    @property
    def exports_folder(self) -> Path:
        """Where the tables for BI go unless an `[[exports]]` section says otherwise: beside the reports."""
        return self.reports_folder.with_name("exports") / BI.destination

    def list_exports(self) -> tuple[Export, ...]:
        """The `[[exports]]` with the places they mean, after the tables for BI, which every shop has."""
        placed = tuple(self._place(export) for export in self.exports)
        if any(export.destination == BI.destination or export.name == BI.name for export in placed):
            return placed
        return (BI.model_copy(update={"path": self.exports_folder}), *placed)

    def find_places(self) -> Places:
        """Where copies of what the lake holds may be, also from before a section said otherwise."""
        usual = BI.model_copy(update={"path": self.exports_folder})
        named = [export for export in self.list_exports() if export != usual]
        return Places(
            reports=self.reports_folder, language=self.report.language, exports=(usual, *named),
            tracking_uri=self.mlflow_tracking_uri, rules=self.shop_rules(),
        )  # fmt: skip

    def _place(self, export: Export) -> Export:
        place = export.path if export.uri else Path(self.base) / export.path
        options = export.options
        if "reports" in load_destinations()[export.destination].options:
            options = {"reports": str(self.reports_folder)} | options
        return export.model_copy(update={"path": place, "options": options})

    @property
    def experiment(self) -> Design:
        """How a campaign within one segment is run: as the first one planned, or with a fifth in control."""
        share = next((campaign.shares[CONTROL] for campaign in self.campaigns), CONTROL_SHARE)
        return Design(control_share=share, alpha=self.measurement.alpha)

    def list_planned(self) -> tuple[PlannedCampaign, ...]:
        """The `[[campaigns]]` sections, then the rows of the `campaigns_file`."""
        if self.campaigns_file is None:
            return self.campaigns
        try:
            return self.campaigns + read_campaign_file(Path(self.base) / self.campaigns_file)
        except CampaignFileError as error:
            raise ConfigError(f"campaigns_file: {error}") from None

    def find_campaign(self, campaign_id: str, *, delivered: Sequence[Campaign] = ()) -> PlannedCampaign:
        """The planned campaign of that id; `delivered` are the campaigns there are besides."""
        planned = self.list_planned()
        for campaign in planned:
            if campaign.campaign_id == campaign_id:
                return campaign
        ids = [*(c.campaign_id for c in planned), *(c.campaign_id for c in delivered)]
        known = ", ".join(dict.fromkeys(ids)) or "none"
        raise ConfigError(
            f"there is no [[campaigns]] section with campaign_id '{campaign_id}'; there are: {known}"
        )

    def design_campaign(self, campaign_id: str, *, delivered: Sequence[Campaign] = ()) -> ExperimentDesign:
        """The campaign of that id as it is drawn: as it is planned here, else as it was delivered."""
        row = next((campaign for campaign in delivered if campaign.campaign_id == campaign_id), None)
        if row is None or any(planned.campaign_id == campaign_id for planned in self.list_planned()):
            return self.find_campaign(campaign_id, delivered=delivered).design(self.timezone)
        shares = split_control(row.control_share)
        return ExperimentDesign(campaign=replace(row, control_share=shares[CONTROL]), shares=shares)

    def last_whole_day(self, now: datetime) -> date:
        """The default `as_of`: yesterday in the shop's timezone."""
        return now.astimezone(ZoneInfo(self.timezone)).date() - timedelta(days=1)


def _require_distinct(names: Sequence[str], told: str) -> None:
    """Names become files, tables and rows, and not every one of these tells a capital from a small letter."""
    small = [name.casefold() for name in names]
    for name in names:
        if small.count(name.casefold()) > 1:
            raise ValueError(f"{told} '{name}'; each needs a name of its own, by more than its capitals")


def load_settings(path: Path | str) -> Settings:
    """Read the configuration file. What is secret in it, and in the environment, is not logged or told from then on.

    Raises:
        ConfigError: the file is missing, is no TOML, or a key or value is wrong.
    """
    keep_environment()
    file = Path(path)
    if not os.path.isfile(file):  # unlike its namesake in pathlib it is silent on names no file can have
        raise ConfigError(
            f"{file}: no such file; write one with `segmentwerk init FILE` or name it with --config"
        )
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}; look at its permissions") from None
    except RecursionError:
        raise ConfigError(
            f"{file}: not valid TOML: brackets within brackets, too deep to be read; see which of them is not closed"
        ) from None
    except ValueError as error:
        raise ConfigError(f"{file}: not valid TOML: {error}; there must be key = value lines") from None
    base = os.path.dirname(os.path.realpath(file))
    if "base" in content:  # where the file lies is not for it to say
        raise ConfigError(f"{file}: unknown key 'base'; the keys there are stand in segmentwerk.toml")
    try:
        settings = Settings(**_fill_variables(content, file=file))
    except ValidationError as error:
        raise ConfigError(f"{file}: {_describe(error, content)}") from None
    except SettingsError as error:
        raise ConfigError(f"{file}: {_describe_variable(error)}") from None
    keep_secret(*settings.list_secrets())
    home = settings.home if "://" in settings.home else _place_home(Path(base) / settings.home, file=file)
    return settings.model_copy(update={"home": home, "base": base})


def _place_home(place: Path, *, file: Path) -> str:
    """The folder's real path. Some characters in it are wildcards to the engine, or mean another place to Delta."""
    home = os.path.realpath(place)
    odd = next(
        (
            letter
            for letter in home
            if (letter in _NOT_IN_HOME and letter != os.sep) or not letter.isprintable()
        ),
        None,
    )
    if odd is not None:
        raise ConfigError(
            f"{file}: home = {home!r}: tables cannot lie where a path holds {odd!r}; choose another"
        )
    return home


def _fill_variables(value: Any, *, file: Path) -> Any:
    """`${NAME}` or `${NAME:-default}` in a text becomes the variable's value: secrets stay out of the file."""
    if isinstance(value, dict):
        return {key: _fill_variables(inner, file=file) for key, inner in value.items()}
    if isinstance(value, list):
        return [_fill_variables(inner, file=file) for inner in value]
    if not isinstance(value, str):
        return value
    if "\0" in value:
        raise ConfigError(
            f"{file}: {value!r} holds the character NUL, which no name and no path can; remove it"
        )
    return _VARIABLE.sub(lambda match: _look_up(match[1], match[2], text=value, file=file), value)


def _look_up(name: str, default: str | None, *, text: str, file: Path) -> str:
    if name in os.environ:
        value = os.environ[name]
        # A folder given on the command line is meant from where one stands, not from where the file lies.
        return str(Path(value).resolve()) if Path(value).is_dir() else value
    if default is None:
        raise ConfigError(f'{file}: the environment variable {name} is not set, but "{text}" needs it')
    return default


def _describe(error: ValidationError, content: dict[str, Any]) -> str:
    first = error.errors()[0]
    key = _name_key(first["loc"], content)
    if first["type"] == "extra_forbidden":
        return f"unknown key '{key}'; the keys there are stand in segmentwerk.toml"
    if first["type"] == "missing":
        return f"'{key}' is missing; add it as segmentwerk.toml shows"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "path_type":
        message = "must be a path, in quotes"
    elif first["type"] == "int_parsing_size":
        message = "must be a smaller number"
    shown = "" if isinstance(first["input"], dict | list | tuple) else f" = {_shorten(repr(first['input']))}"
    return f"{key}{shown}: {message}"


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _describe_variable(error: SettingsError) -> str:
    """One that stands for a whole section, and is not written as one."""
    named = re.search(r'field "(\w+)"', str(error))
    name = "SEGMENTWERK_" + (named[1].upper() if named else "…")
    return f"the environment variable {name} must hold JSON, or set one key alone: {name}__KEY=value"


def _name_key(location: tuple[int | str, ...], content: dict[str, Any]) -> str:
    """The key as its owner wrote it: a source, a factor or a campaign by its name, not by its number."""
    parts: list[str] = []
    inner: Any = content
    for part in location:
        try:
            inner = inner[part]
        except (KeyError, IndexError, TypeError):  # it is not there, or came from the environment
            inner = None
        named = isinstance(part, int) and isinstance(inner, dict)
        parts.append(str(inner.get("name", int(part) + 1)) if named else str(part))
    return ".".join(parts) or "file"
