"""Signed, short-lived tokens of readers without accounts, and the signed cookies of those who have one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from backend.core.access import Visitor
from backend.core.errors import TokenExpired, Unauthenticated
from backend.core.ids import new_id


class VisitorTokens:
    """Issues and reads the Bearer tokens of ``POST /api/visitors``."""

    def __init__(self, key: str, *, ttl: int) -> None:
        self._serializer = URLSafeTimedSerializer(key, salt="lianwen.visitor")
        self._ttl = ttl

    def issue(self, *, member: str, origin: str, visitor_id: str | None = None) -> tuple[str, datetime]:
        """A token and the moment it expires. ``visitor_id`` renews the token of a known visitor."""
        token = self._serializer.dumps([visitor_id or new_id("v_"), member, origin])
        return token, datetime.now(UTC) + timedelta(seconds=self._ttl)

    def read(self, token: str, *, max_age: int | None = None) -> Visitor:
        """The visitor a token names. ``max_age`` seconds: the token's life by default.

        :raises TokenExpired: when it is too old; :raises Unauthenticated: when it was not issued here.
        """
        try:
            visitor_id, member, origin = self._serializer.loads(token, max_age=max_age or self._ttl)
        except SignatureExpired as error:
            raise TokenExpired("访客令牌已过期，请重新获取。") from error
        except (BadSignature, ValueError) as error:
            raise Unauthenticated("访客令牌无效。") from error
        return Visitor(id=visitor_id, member=member, origin=origin)


class SignedCookie:
    """A cookie whose content nobody else can write. ``purpose`` keeps one cookie from passing for another."""

    def __init__(self, key: str, *, purpose: str, ttl: int) -> None:
        self._serializer = URLSafeTimedSerializer(key, salt=f"lianwen.cookie.{purpose}")
        self.ttl = ttl

    def write(self, content: Any) -> str:
        return self._serializer.dumps(content)

    def read(self, value: str) -> Any | None:
        """The content, or None when it is forged or too old."""
        try:
            return self._serializer.loads(value, max_age=self.ttl)
        except BadSignature:
            return None
