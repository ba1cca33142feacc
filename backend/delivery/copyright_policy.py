"""The limits of copying as policy data: a TOML file, validated when it is read.

They are a deployment's policy, not legal advice: the packaged defaults are conservative and are to be set by a lawyer
(in China: Copyright Law, article 24, on reasonable use).
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.core.errors import ConfigurationError

PACKAGED = Path(__file__).with_name("copyright_policy.toml")


class CopyrightLimits(BaseModel):
    """What one patron may have copied of one work within ``period_days``, over all members. ``max_share``: 0–1."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    period_days: Annotated[int, Field(ge=1, le=36_500)] = 365
    max_pages: Annotated[int, Field(ge=0, le=100_000)] = 30
    max_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    max_articles_per_issue: Annotated[int, Field(ge=0, le=1000)] = 2


class CopyrightPolicy(BaseModel):
    """The limits of the consortium, and of members whose patrons have others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    default: CopyrightLimits = CopyrightLimits()
    members: dict[str, CopyrightLimits] = {}

    def of(self, member: str) -> CopyrightLimits:
        """The limits for patrons of this member."""
        return self.members.get(member, self.default)


def load_policy(path: Path | None = None) -> CopyrightPolicy:
    """Read the policy; a member's table holds only what differs from the default.

    :raises ConfigurationError: naming the file and the key that is wrong.
    """
    source = path or PACKAGED
    try:
        written = tomllib.loads(source.read_text(encoding="utf-8"))
        default = written.get("default", {})
        members = written.get("members", {})
        if isinstance(default, dict) and isinstance(members, dict):
            written["members"] = {
                code: {**default, **own} if isinstance(own, dict) else own for code, own in members.items()
            }
        return CopyrightPolicy.model_validate(written)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise ConfigurationError(f"LIANWEN_COPYRIGHT_POLICY: {source}: {where}: {fault['msg']}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"LIANWEN_COPYRIGHT_POLICY: {source}: {error}") from error
