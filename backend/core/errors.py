"""The one error tree. Each error knows its HTTP status and its stable code.

LianwenError 500 internal
├── InputError 422 invalid_input            the caller's input; ``detail`` says where
│   ├── MalformedBody 400 malformed_body
│   └── TooLarge 413 too_large
├── Unauthenticated 401 unauthenticated
│   └── TokenExpired 401 token_expired
├── Forbidden 403 forbidden
│   └── OriginNotAllowed 403 origin_not_allowed
├── NotFound 404 not_found                  also for what the caller may not see
├── Conflict 409 conflict                   the state changed meanwhile, or the transition is not allowed
├── TooManyRequests 429 too_many_requests
├── NotReady 503 not_ready                  no index yet, or every snapshot is damaged
├── UpstreamError 502 upstream_error        a service that we called failed
└── ConfigurationError 500 configuration    a setting is missing or wrong
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class LianwenError(Exception):
    """Base of every error a caller may see."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, detail: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.detail = dict(detail) if detail else None

    def to_json(self) -> dict[str, Any]:
        """The one JSON error shape of the HTTP interface."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.detail:
            body["detail"] = self.detail
        return {"error": body}


class InputError(LianwenError):
    status, code = 422, "invalid_input"


class MalformedBody(InputError):
    status, code = 400, "malformed_body"


class TooLarge(InputError):
    status, code = 413, "too_large"


class Unauthenticated(LianwenError):
    status, code = 401, "unauthenticated"


class TokenExpired(Unauthenticated):
    code = "token_expired"


class Forbidden(LianwenError):
    status, code = 403, "forbidden"


class OriginNotAllowed(Forbidden):
    code = "origin_not_allowed"


class NotFound(LianwenError):
    status, code = 404, "not_found"


class Conflict(LianwenError):
    status, code = 409, "conflict"


class TooManyRequests(LianwenError):
    status, code = 429, "too_many_requests"

    def __init__(self, message: str, *, retry_after: float, detail: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, detail=detail)
        self.retry_after = retry_after


class NotReady(LianwenError):
    status, code = 503, "not_ready"


class UpstreamError(LianwenError):
    status, code = 502, "upstream_error"


class ConfigurationError(LianwenError):
    status, code = 500, "configuration"
