"""The words of notices: templates in files that a deployment may replace.

``patron.txt`` and ``staff.txt`` are Jinja templates (sandboxed): the first line is the subject, the rest the text. A
file named for a state (``patron.delivered.txt``) is used for that state alone; ``letter.html`` frames the same text for
readers of HTML mail, everything escaped. A folder named by LIANWEN_NOTICE_TEMPLATES is looked into first. Every
template is tried when it is loaded, so that a mistake in one shows at the start and never stops a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from backend.core.errors import ConfigurationError

PACKAGED = Path(__file__).with_name("notice_templates")
Reader = Literal["patron", "staff"]
FIELDS = (
    "number", "title", "service", "state", "told", "message", "next_step", "reason", "supplier", "library", "due",
    "needed_by", "pickup", "ready", "suggestion",
)  # fmt: skip
"""What a template may name; each is a text, empty where there is nothing to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A download link as a letter shows it."""

    url: str
    until: str
    remaining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What goes into the mail."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Letters:
    """The templates of ``folder`` before the packaged ones.

    :raises ConfigurationError: naming the template that cannot be used.
    """

    folder: Path | None = None
    _plain: Environment = field(init=False, repr=False)
    _framed: Environment = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.folder is not None and not self.folder.is_dir():
            raise ConfigurationError(f"LIANWEN_NOTICE_TEMPLATES: {self.folder} is not a folder")
        places = [path for path in (self.folder, PACKAGED) if path is not None]
        loader = FileSystemLoader(places)
        settings = {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
        object.__setattr__(self, "_plain", SandboxedEnvironment(loader=loader, **settings))
        object.__setattr__(self, "_framed", SandboxedEnvironment(loader=loader, autoescape=True, **settings))
        self._try_all()

    def _try_all(self) -> None:
        sample = dict.fromkeys(FIELDS, "示例")
        for name in self._plain.list_templates(extensions=["txt", "html"]):
            try:
                if name.endswith(".html"):
                    self.frame("示例", "示例", Link(url="https://example.org", until="示例", remaining=1))
                else:
                    self._written(name, sample)
            except TemplateError as error:
                raise ConfigurationError(f"LIANWEN_NOTICE_TEMPLATES: {name}: {error}") from error

    def write(self, reader: Reader, state: str, fields: Mapping[str, str]) -> tuple[str, str]:
        """Subject and text of a notice."""
        template = self._plain.select_template([f"{reader}.{state}.txt", f"{reader}.txt"])
        return self._written(template.name or f"{reader}.txt", fields)

    def _written(self, name: str, fields: Mapping[str, str]) -> tuple[str, str]:
        given = {name: fields.get(name, "") for name in FIELDS}
        subject, _, text = self._plain.get_template(name).render(given).lstrip().partition("\n")
        return " ".join(subject.split()), "\n".join(line.rstrip() for line in text.strip().splitlines())

    def frame(self, subject: str, text: str, link: Link | None) -> Letter:
        """The letter around a stored notice; the link is put in only now."""
        lines = [line for line in text.splitlines() if line.strip()]
        html = self._framed.get_template("letter.html").render(subject=subject, lines=lines, link=link)
        if link is not None:
            text += f"\n\n下载：{link.url}\n链接 {link.until} 前有效，还可下载 {link.remaining} 次。请勿转发。"
        return Letter(subject=subject, text=text, html=html)


STANDARD = Letters()
"""The packaged templates."""
