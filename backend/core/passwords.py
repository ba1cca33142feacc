"""User names, passwords and session secrets of every kind of account: argon2id hashes, secrets kept only as a hash."""

from __future__ import annotations

import hashlib
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from backend.core.errors import InputError

MIN_PASSWORD = 8

_hasher = PasswordHasher()


def clean_username(username: str) -> str:
    """The name in the form in which it is stored.

    :raises InputError: when it is empty, too long or has spaces.
    """
    text = username.strip().lower()
    if not text or len(text) > 80 or any(not character.isprintable() or character.isspace() for character in text):
        raise InputError("a user name has 1 to 80 characters and no spaces")
    return text


def check_password(password: str) -> None:
    """:raises InputError: when it is too short or too long to be hashed."""
    if not MIN_PASSWORD <= len(password) <= 500:
        raise InputError(f"a password has at least {MIN_PASSWORD} characters")


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def verify_password(password_hash: str | None, password: str) -> bool:
    """Is it the password of that hash? Without one (no such account) it takes as long, and is not."""
    try:
        return _hasher.verify(password_hash or _nobody(), password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    return _hasher.hash(secrets.token_urlsafe(16))


def secret_digest(secret: str) -> str:
    """What the database keeps of a session's secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
