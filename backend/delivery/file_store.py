"""The SQL of electronic delivery."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from backend.delivery.file_models import FileRow, LinkRow


def current(session: Session, number: str) -> FileRow | None:
    """The request's file, while it is on disk."""
    query = select(FileRow).where(FileRow.number == number, FileRow.gone_at.is_(None))
    return session.scalars(query.order_by(FileRow.created_at.desc(), FileRow.id).limit(1)).first()


def file(session: Session, file_id: str) -> FileRow | None:
    return session.get(FileRow, file_id, populate_existing=True)


def link(session: Session, link_id: str) -> LinkRow | None:
    return session.get(LinkRow, link_id, populate_existing=True)


def link_of(session: Session, file_id: str) -> LinkRow | None:
    """The file's link that was made last and not revoked."""
    query = select(LinkRow).where(LinkRow.file_id == file_id, LinkRow.revoked_at.is_(None))
    return session.scalars(query.order_by(LinkRow.created_at.desc(), LinkRow.id).limit(1)).first()


def open_link(session: Session, token_hash: str, moment: datetime) -> tuple[LinkRow, FileRow] | None:
    """The link with this hash and its file, when it may still be used."""
    query = (
        select(LinkRow, FileRow)
        .join(FileRow, FileRow.id == LinkRow.file_id)
        .where(*_usable(token_hash, moment), FileRow.gone_at.is_(None), FileRow.expires_at > moment)
    )
    found = session.execute(query).first()
    return (found[0], found[1]) if found else None


def count_download(session: Session, token_hash: str, moment: datetime) -> bool:
    """Take one download off the link; False when there is none left, or it was revoked or ran out meanwhile."""
    counted = session.execute(
        update(LinkRow)
        .where(*_usable(token_hash, moment))
        .values(downloads=LinkRow.downloads + 1, last_at=moment)
        .returning(LinkRow.id)
        .execution_options(synchronize_session=False)
    ).first()
    return counted is not None


def _usable(token_hash: str, moment: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        LinkRow.token_hash == token_hash,
        LinkRow.revoked_at.is_(None),
        LinkRow.expires_at > moment,
        LinkRow.downloads < LinkRow.max_downloads,
    )


def revoke_links(session: Session, file_id: str, moment: datetime) -> None:
    session.execute(
        update(LinkRow)
        .where(LinkRow.file_id == file_id, LinkRow.revoked_at.is_(None))
        .values(revoked_at=moment)
        .execution_options(synchronize_session=False)
    )


def mark_gone(session: Session, file_id: str, moment: datetime) -> bool:
    """The file is to be no more; False when that was said before."""
    marked = session.execute(
        update(FileRow)
        .where(FileRow.id == file_id, FileRow.gone_at.is_(None))
        .values(gone_at=moment)
        .returning(FileRow.id)
        .execution_options(synchronize_session=False)
    ).first()
    return marked is not None


def kept_names(session: Session) -> set[str]:
    """Names on disk of every file that is to be there."""
    return set(session.scalars(select(FileRow.stored).where(FileRow.gone_at.is_(None))))


def overdue(session: Session, moment: datetime) -> list[FileRow]:
    """Files whose term is over and that are still there."""
    query = select(FileRow).where(FileRow.gone_at.is_(None), FileRow.expires_at <= moment)
    return list(session.scalars(query.order_by(FileRow.expires_at)))
