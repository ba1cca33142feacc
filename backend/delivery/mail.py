"""Mail: one address, one message, told apart what may work later from what never will."""

from __future__ import annotations

import re
import smtplib
import ssl
from dataclasses import dataclass
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import formataddr, formatdate, parseaddr
from typing import Protocol
from urllib.parse import unquote, urlsplit

from backend.core.errors import ConfigurationError
from backend.core.jobs import RetryLater
from backend.delivery.letters import Letter

_ADDRESS = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}(?![\w@.-]*@)"
)


class Mailer(Protocol):
    """Sends one e-mail; raises :class:`RetryLater` when that may work later, :class:`Undeliverable` when never."""

    def send(self, *, notice_id: str, to: str, letter: Letter) -> None: ...


class Undeliverable(Exception):
    """The address or the message is refused for good."""


def address_in(contact: str) -> str:
    """The first e-mail address in what a patron wrote; "" without one.

    >>> address_in("13800000000，邮箱 li@example.org"), address_in("a@b.org\\r\\nBcc: c@d.org"), address_in("无")
    ('li@example.org', 'a@b.org', '')
    """
    found = _ADDRESS.search(contact)
    return found[0].rstrip(".") if found else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpMailer:
    """``url``: smtp://user:password@host:587 (STARTTLS where offered) or smtps://…:465."""

    url: str
    sender: str
    timeout: float = 20.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ConfigurationError("LIANWEN_SMTP_URL: smtp://user:password@host:587")
        if not address_in(self.sender):
            raise ConfigurationError(f"LIANWEN_MAIL_FROM: not an address: {self.sender[:100]}")

    def send(self, *, notice_id: str, to: str, letter: Letter) -> None:
        message = self._message(notice_id, to, letter)
        try:
            self._send(message)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise _judged(code, text) from error
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPConnectError, smtplib.SMTPHeloError) as error:
            raise RetryLater(f"mail server: {error}") from error
        except smtplib.SMTPResponseException as error:
            raise _judged(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise Undeliverable(str(error)) from error
        except (OSError, smtplib.SMTPException) as error:
            raise RetryLater(f"mail server: {error}") from error

    def _message(self, notice_id: str, to: str, letter: Letter) -> MIMEMultipart:
        """The same notice is the same message: a second copy after a crash has the Message-ID of the first.

        Built with the older classes of ``email``: the newer ones lose spaces where a long subject is folded between
        encoded words.
        """
        name, sender = parseaddr(self.sender)
        message = MIMEMultipart("alternative")
        message["From"] = formataddr((name, sender), charset="utf-8")
        message["To"] = to
        message["Subject"] = Header(" ".join(letter.subject.split())[:300], "utf-8", header_name="Subject").encode()
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{notice_id}@{sender.rpartition('@')[2] or 'lianwen'}>"
        message["Auto-Submitted"] = "auto-generated"
        message.attach(MIMEText(letter.text, "plain", "utf-8"))
        message.attach(MIMEText(letter.html, "html", "utf-8"))
        return message

    def _send(self, message: MIMEMultipart) -> None:
        parts = urlsplit(self.url)
        host, context = str(parts.hostname), ssl.create_default_context()
        with (
            smtplib.SMTP_SSL(host, parts.port or 465, timeout=self.timeout, context=context)
            if parts.scheme == "smtps"
            else smtplib.SMTP(host, parts.port or 25, timeout=self.timeout)
        ) as server:
            server.ehlo_or_helo_if_needed()
            if parts.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls(context=context)
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(message)


def _judged(code: int, text: bytes | str) -> Undeliverable | RetryLater:
    """5xx is for good, everything else may pass (RFC 5321, 4.2.1)."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return Undeliverable(f"{code} {words}"[:500]) if 500 <= code < 600 else RetryLater(f"mail server: {code} {words}")
