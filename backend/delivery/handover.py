"""Electronic delivery: a supplier's upload becomes the reader's download.

The file, its link and the transition are stored in one transaction. A link is an unguessable token of which only the
hash is kept: the token is a keyed hash of the link's id, so that page and mail can show it again without storing it.
Looking at a link costs nothing (mail scanners do); fetching the file through it takes one download off it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from backend.core import jobs
from backend.core.days import BEIJING
from backend.core.db import Database, now
from backend.core.errors import Conflict, InputError, NotFound
from backend.core.ids import new_id
from backend.delivery import file_store, moves, store
from backend.delivery.file_models import FileRow, LinkRow
from backend.delivery.letters import Link
from backend.delivery.lifecycle import Side, State, check
from backend.delivery.models import RequestRow
from backend.delivery.rules import Rules
from backend.delivery.shelf import FileShelf, Finished
from backend.delivery.values import Actor, DownloadView
from backend.delivery.views import names, sides

EXPIRE_JOB = "delivery.expire_file"
SWEEP_JOB = "delivery.sweep"
SWEEP_EVERY = timedelta(hours=1)
COVER_PAGES = 2
"""A cover and a page of imprint beside what was asked are no mistake."""
NOTICE = "本复制件仅供申请人个人学习、研究使用，请勿传播、出版或另作他用。"
GONE = "这个下载链接无效或已失效。请在“我的申请”里查看进度，或联系您的图书馆。"
"""The one answer for every link that does not work, whatever the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How long a file is kept, how long a link works and how often it may be used; what each page says."""

    file_days: int = 30
    link_days: int = 14
    downloads: int = 5
    notice: str = NOTICE


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What a link leads to, before it is used."""

    number: str
    pages: int
    bytes: int
    remaining: int
    view: DownloadView


@dataclass(frozen=True, slots=True, kw_only=True)
class FileView:
    """The file of a request as a librarian sees it."""

    pages: int
    bytes: int
    removed: list[str]
    expires_at: str
    link_expires_at: str
    downloads: int
    max_downloads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """``key`` signs tokens; ``public_url`` is where readers reach this service."""

    database: Database
    shelf: FileShelf
    key: str
    public_url: str
    terms: Terms = Terms()

    def supply(
        self,
        number: str,
        upload: Path,
        *,
        actor: Actor,
        rules: Rules,
        version: int | None = None,
        share: float | None = None,
        pages_checked: bool = False,
    ) -> None:
        """Deliver a copy with the uploaded file.

        ``pages_checked``: the supplier knows that it has another number of pages than was asked for.

        :raises InputError: for a file that cannot be delivered; :raises Conflict: for a request that does not wait for
            it, or over the copyright limits; :raises NotFound: for a request that is not theirs.
        """
        with self.database.read() as session:
            row = self._supplied_by(session, number, actor)
            supplier = names(session).get(row.supplier or "", row.supplier or "")
        finished = self.shelf.finish(upload, **self._stamp(row, supplier))
        try:
            _check_pages(row, finished, pages_checked)
            with self.database.begin() as session:
                self._deliver(session, row.number, finished, actor, rules, version=version, share=share)
        except BaseException:
            self.shelf.remove(finished.stored)
            raise

    def _supplied_by(self, session: Session, number: str, actor: Actor) -> RequestRow:
        """The request, when this actor may deliver it now: asked before the file is worked on."""
        row = moves.existing(session, number)
        acting = sides(row, actor)
        if Side.SUPPLIER not in acting:
            raise moves.not_theirs(session, row, actor)
        check("deliver", State(row.state), acting, service=row.service)
        return row

    def _stamp(self, row: RequestRow, supplier: str) -> dict[str, str]:
        day = now().astimezone(BEIJING).date().isoformat()
        return {
            "line": f"申请号 {row.number} · {supplier}提供 · {day}\n{self.terms.notice}",
            "mark": f"{row.number} 仅供个人学习研究",
            "title": f"{row.number} {row.title[:200]}",
        }

    def _deliver(
        self,
        session: Session,
        number: str,
        finished: Finished,
        actor: Actor,
        rules: Rules,
        *,
        version: int | None,
        share: float | None,
    ) -> None:
        row = moves.move(
            session, number, "deliver", actor=actor, rules=rules, version=version, pages=finished.pages, share=share,
            has_file=True, detail={"pages": finished.pages, "removed": list(finished.removed)},
        )  # fmt: skip
        moment = now()
        kept = FileRow(
            id=new_id("f_"),
            number=number,
            supplier=row.supplier or "",
            stored=finished.stored,
            bytes=finished.bytes,
            pages=finished.pages,
            sha256=finished.sha256,
            removed=list(finished.removed),
            uploaded_by=actor.key,
            created_at=moment,
            expires_at=moment + timedelta(days=self.terms.file_days),
        )
        session.add(kept)
        session.flush()
        jobs.schedule(session, EXPIRE_JOB, kept.id, due_at=kept.expires_at)
        store.link_last_notice(session, number, self._new_link(session, kept).id)

    def _new_link(self, session: Session, file: FileRow) -> LinkRow:
        """A fresh link; those before it work no longer."""
        moment = now()
        file_store.revoke_links(session, file.id, moment)
        link = LinkRow(
            id=new_id("l_"),
            file_id=file.id,
            token_hash="",
            created_at=moment,
            expires_at=min(file.expires_at, moment + timedelta(days=self.terms.link_days)),
            max_downloads=self.terms.downloads,
            downloads=0,
        )
        link.token_hash = _digest(self._token(link.id))
        session.add(link)
        session.flush()
        return link

    def _token(self, link_id: str) -> str:
        signed = hmac.new(self.key.encode(), f"delivery-link:{link_id}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()

    def url(self, link_id: str) -> str:
        return f"{self.public_url.rstrip('/')}/d/{self._token(link_id)}"

    def download(self, session: Session, number: str) -> DownloadView | None:
        """The port ``download`` of :class:`Rules`: the reader's link, while there is a file."""
        file = file_store.current(session, number)
        link = file_store.link_of(session, file.id) if file and file.expires_at > now() else None
        if link is None:
            return None
        left = max(0, link.max_downloads - link.downloads) if link.expires_at > now() else 0
        return DownloadView(url=self.url(link.id), expires_at=link.expires_at, remaining=left)

    def letter_link(self, session: Session, link_id: str) -> Link | None:
        """The link of a notice, as its letter shows it; None when it works no longer."""
        link = file_store.link(session, link_id)
        if link is None or link.revoked_at is not None or link.expires_at <= now():
            return None
        until = link.expires_at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")
        return Link(url=self.url(link.id), until=until, remaining=max(0, link.max_downloads - link.downloads))

    def offered(self, token: str) -> Offered:
        """What the link leads to. :raises NotFound: the same words for every link that does not work."""
        with self.database.read() as session:
            found = file_store.open_link(session, _digest(token), now())
            if found is None:
                raise NotFound(GONE)
            link, file = found
            left = link.max_downloads - link.downloads
            view = DownloadView(url=self.url(link.id), expires_at=link.expires_at, remaining=left)
            return Offered(number=file.number, pages=file.pages, bytes=file.bytes, remaining=left, view=view)

    def fetch(self, token: str) -> tuple[Path, str]:
        """The file behind a link and the request's number; takes one download off the link.

        :raises NotFound: the same words for every link that does not work.
        """
        hashed = _digest(token)
        with self.database.begin() as session:
            found = file_store.open_link(session, hashed, now())
            if found is None:
                raise NotFound(GONE)
            try:
                path = self.shelf.open(found[1].stored)
            except NotFound as missing:
                raise NotFound(GONE) from missing
            if not file_store.count_download(session, hashed, now()):
                raise NotFound(GONE)
            return path, found[1].number

    def file_view(self, session: Session, number: str) -> FileView | None:
        """For the librarians of both libraries; without the link itself, which is the reader's."""
        file = file_store.current(session, number)
        if file is None:
            return None
        link = file_store.link_of(session, file.id)
        return FileView(
            pages=file.pages,
            bytes=file.bytes,
            removed=list(file.removed),
            expires_at=file.expires_at.isoformat(),
            link_expires_at=link.expires_at.isoformat() if link else "",
            downloads=link.downloads if link else 0,
            max_downloads=link.max_downloads if link else 0,
        )

    def staff_file(self, number: str, *, actor: Actor) -> Path:
        """The file itself for a librarian of either library: to check it, or to print it for the reader."""
        with self.database.read() as session:
            row = moves.existing(session, number)
            file = file_store.current(session, row.number)
            if not sides(row, actor) or file is None:
                raise NotFound("没有这个申请号，或它不是您的申请。")
            return self.shelf.open(file.stored)

    def renew_link(self, number: str, *, actor: Actor, rules: Rules) -> None:
        """A fresh link for the reader, who is told by a notice; the old one works no longer.

        :raises NotFound: when there is no file, or the request is not theirs.
        """
        with self.database.begin() as session:
            row, file = self._managed(session, number, actor)
            if file.expires_at <= now():
                raise Conflict("文件已过保存期，请供书馆重新上传。")
            link = self._new_link(session, file)
            entry = moves.remark(session, row, actor, action="renew_link", told="已为您重新生成下载链接。")
            moves.notify(session, row, entry, rules)
            store.link_last_notice(session, row.number, link.id)

    def revoke(self, number: str, *, actor: Actor) -> None:
        """Take the file back: links stop working, the file is deleted.

        :raises NotFound: when there is no file, or the request is not theirs.
        """
        with self.database.begin() as session:
            row, file = self._managed(session, number, actor)
            self.withdraw(session, row.number)
            moves.remark(session, row, actor, action="revoke_file", told="下载文件已由图书馆收回。")
            stored = file.stored
        self.shelf.remove(stored)

    def withdraw(self, session: Session, number: str) -> None:
        """The port ``withdraw`` of :class:`Rules`: in this transaction links and file end; the sweep removes it."""
        file = file_store.current(session, number)
        if file is not None:
            file_store.revoke_links(session, file.id, now())
            file_store.mark_gone(session, file.id, now())
            jobs.schedule(session, EXPIRE_JOB, file.id)

    def _managed(self, session: Session, number: str, actor: Actor) -> tuple[RequestRow, FileRow]:
        row = moves.existing(session, number)
        if not sides(row, actor) & {Side.SUPPLIER, Side.REQUESTER, Side.OFFICE}:
            raise NotFound("没有这个申请号，或它不是您的申请。")
        file = file_store.current(session, row.number)
        if file is None:
            raise NotFound("这份申请没有可下载的文件。")
        return row, file

    def expire(self, job: jobs.Job) -> None:
        """Worker step: a file's term is over, or it was taken back."""
        with self.database.begin() as session:
            file = file_store.file(session, job.key)
            if file is None or (file.gone_at is None and file.expires_at > now()):
                return
            file_store.revoke_links(session, file.id, now())
            file_store.mark_gone(session, file.id, now())
        self.shelf.remove(file.stored)

    def sweep(self, job: jobs.Job) -> None:
        """Worker step, every hour: files whose term is over, and what crashes left on the disk."""
        moment = now()
        with self.database.begin() as session:
            for file in file_store.overdue(session, moment):
                jobs.schedule(session, EXPIRE_JOB, file.id)
            kept = file_store.kept_names(session)
            jobs.schedule(session, SWEEP_JOB, job.key, due_at=moment + SWEEP_EVERY)
        self.shelf.sweep(kept)

    def begin_sweeping(self) -> None:
        """Queue the sweep; it queues itself from then on."""
        with self.database.begin() as session:
            jobs.schedule(session, SWEEP_JOB, "files")

    def handlers(self) -> dict[str, jobs.Handler]:
        return {EXPIRE_JOB: self.expire, SWEEP_JOB: self.sweep}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _check_pages(row: RequestRow, finished: Finished, checked: bool) -> None:
    """Not what was asked? One page too few may be a page forgotten, many too many another article."""
    asked = row.page_count
    if asked is None or checked or asked <= finished.pages <= asked + COVER_PAGES:
        return
    raise InputError(
        f"上传的文件有 {finished.pages} 页，申请的是 {row.pages}（{asked} 页）。"
        "请核对文件；确认无误时勾选“页数不同，已核对”后再送达。",
        detail={"where": "file", "reason": "pages_differ", "pages": finished.pages, "asked": asked},
    )
