"""Settings, read once at the composition roots from ``LIANWEN_*`` variables or a ``.env`` file.

``lianwen doctor`` lists every field below with its value (secrets masked) and its meaning.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from backend.core.errors import ConfigurationError


class Settings(BaseSettings):
    """Every setting with its embedded default: no server, no network, no key needed."""

    model_config = SettingsConfigDict(env_prefix="LIANWEN_", env_file=".env", extra="ignore", frozen=True)

    data_dir: Path = Field(
        default=Path(".lianwen"), description="folder of the database, the index and prepared models"
    )
    database_url: str = Field(default="", description="empty: SQLite in the data directory; else postgresql://…")
    redis_url: str = Field(default="", description="empty: events and limits in this process; else redis://…")
    secret_key: SecretStr = Field(
        default=SecretStr(""), description="signs tokens; empty: made once in the data directory"
    )
    routing_fairness: float = Field(
        default=20.0, ge=0, description="days of waiting that a full imbalance of lent and borrowed is worth"
    )
    rate_limit: Literal["on", "off"] = Field(default="on", description="off only for benchmarks")
    embedding_model: str = Field(
        default="packaged", description="packaged, or a sentence-transformers directory or name"
    )
    embedding_threads: int = Field(default=0, ge=0, description="threads of the embedding model; 0: all cores")
    chat_model: str = Field(
        default="", description="empty: extractive answers; else a LangChain name, openai:qwen-plus"
    )
    chat_base_url: str = Field(default="", description="base URL of an OpenAI-compatible endpoint")
    chat_api_key: SecretStr = Field(default=SecretStr(""), description="key of that endpoint")
    chat_fallback_model: str = Field(default="", description="second model, tried when the first fails")
    chat_fallback_base_url: str = Field(default="", description="its base URL; empty: that of the first model")
    chat_fallback_api_key: SecretStr = Field(default=SecretStr(""), description="its key; empty: that of the first")
    chat_timeout: float = Field(default=30.0, gt=0, description="seconds a model may take for a whole answer")
    chat_first_token_timeout: float = Field(default=8.0, gt=0, description="seconds until the first token")
    chat_stall_timeout: float = Field(default=6.0, gt=0, description="seconds of silence in mid-answer")
    chat_prompt_tokens: int = Field(
        default=6_000, ge=1_000, description="tokens of a prompt at most; evidence is cut to fit"
    )
    chat_max_tokens: int = Field(default=1_024, ge=64, description="tokens that a model may write")
    answer_cache: int = Field(default=2_000, ge=0, description="answers remembered; 0: every question anew")
    trusted_proxies: str = Field(default="", description="addresses or networks whose X-Forwarded-For is believed")
    source_networks: str = Field(
        default="", description="networks of one's own that sources may be fetched from, such as 10.0.0.0/8"
    )
    public_url: str = Field(default="http://127.0.0.1:8000", description="how readers reach this service")
    visitor_ttl: int = Field(default=3600, gt=0, description="seconds a visitor token lives")
    session_ttl: int = Field(default=12 * 3600, gt=0, description="seconds a librarian's console session lives")
    smtp_url: str = Field(default="", description="smtp://user:password@host:587; empty: notices stay in the outbox")
    mail_from: str = Field(default="lianwen@localhost", description="sender of notices")
    notice_templates: str = Field(default="", description="folder of notice templates that replace the packaged ones")
    delivery_file_days: int = Field(default=30, gt=0, description="days a delivered file is kept")
    delivery_link_days: int = Field(default=14, gt=0, description="days a download link works")
    delivery_downloads: int = Field(default=5, gt=0, description="downloads a link allows")
    delivery_max_megabytes: int = Field(default=64, gt=0, le=1024, description="largest file a supplier may upload")
    delivery_max_pages: int = Field(default=500, gt=0, description="most pages a delivered file may have")
    copyright_policy: str = Field(default="", description="TOML file of copying limits; empty: conservative defaults")
    clamd: str = Field(default="", description="virus scanner for uploads: host:port or socket path of clamd")
    iso18626_symbol: str = Field(default="CN-DEMO", description="this consortium's own ISO 18626 agency symbol")
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @property
    def effective_database_url(self) -> str:
        """The SQLAlchemy URL in use."""
        if not self.database_url:
            return f"sqlite:///{self.data_dir / 'lianwen.sqlite3'}"
        for plain in ("postgresql://", "postgres://"):
            if self.database_url.startswith(plain):
                return "postgresql+psycopg://" + self.database_url.removeprefix(plain)
        return self.database_url

    @property
    def index_dir(self) -> Path:
        return self.data_dir / "index"

    @property
    def model_dir(self) -> Path:
        return self.data_dir / "models"

    @property
    def deliveries_dir(self) -> Path:
        """Electronic deliveries, outside every web root."""
        return self.data_dir / "deliveries"

    def signing_key(self) -> str:
        """The configured key, or one made once and kept in the data directory for every process to share."""
        if configured := self.secret_key.get_secret_value():
            return configured
        path = self.data_dir / "secret_key"
        self.data_dir.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x", encoding="ascii") as file:
                path.chmod(0o600)
                file.write(secrets.token_urlsafe(48))
        except FileExistsError:
            pass
        key = path.read_text(encoding="ascii").strip()
        if len(key) < 32:
            raise ConfigurationError(f"{path} is damaged: delete it to have a new key made")
        return key


def load_settings() -> Settings:
    """Settings from the environment.

    :raises ConfigurationError: naming the variable that is wrong.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "LIANWEN_" + "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigurationError(f"{name}: {first['msg']}") from error
