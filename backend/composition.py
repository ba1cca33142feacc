"""Puts the parts together from the settings: the one place that chooses embedded or real services.

``app``, ``cli`` and ``worker`` build a :class:`Services` and hand its parts to the domains. Parts are made when first
used, so that a command that only adds a member never loads a model.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis
from fastapi import APIRouter
from sqlalchemy.orm import Session

from backend import migrations
from backend.answer.answerer import Answerer
from backend.answer.modelled import Modelled
from backend.answer.prompt import answer_prompts
from backend.answer.supervisor import Endpoint, Limits, build_supervisor
from backend.chat import routes as chat_routes
from backend.chat.ask import ask
from backend.chat.cache import AnswerCache, InProcessCache, RedisCache
from backend.chat.turn import Chat
from backend.consortium import routes as consortium_routes
from backend.consortium import staff
from backend.consortium.members import OriginList
from backend.consortium.staff import StaffSessions
from backend.core.access import Network, parse_networks
from backend.core.bell import Bell, InProcessBell, RedisBell
from backend.core.db import Database
from backend.core.events import EventBus, InProcessBus, RedisBus
from backend.core.jobs import ring_when_due
from backend.core.limits import InProcessLimiter, Limiter, RedisLimiter, Unlimited
from backend.core.settings import Settings
from backend.core.tokens import VisitorTokens
from backend.delivery import download_routes, iso18626_routes, upload_routes
from backend.delivery import routes as delivery_routes
from backend.delivery.board import QueueBoard, RequestProgress
from backend.delivery.copyright import CopyrightLedger
from backend.delivery.copyright_policy import load_policy
from backend.delivery.counter import Counter
from backend.delivery.handover import Handover, Terms
from backend.delivery.iso18626_receive import Exchange
from backend.delivery.letters import Letters
from backend.delivery.mail import SmtpMailer
from backend.delivery.reports import Reports
from backend.delivery.requests import Rules
from backend.delivery.routing import Policy
from backend.delivery.scanner import clamd
from backend.delivery.shelf import FileShelf
from backend.desk import pages as desk_pages
from backend.desk.live import LiveDesk
from backend.enterprise import branches
from backend.enterprise import routes as enterprise_routes
from backend.enterprise.branches import Branches
from backend.enterprise.library import Shelf
from backend.search import routes as search_routes
from backend.search.engine import SearchEngine
from backend.wiring import (
    ChatRequests,
    DeskBoard,
    DeskCounter,
    DeskFigures,
    EngineItems,
    KnowledgeIndex,
    LoggedSources,
    MemberNames,
)
from indexer.catalogue import Catalogue
from indexer.progress import Progress
from indexer.snapshot import SnapshotStore

if TYPE_CHECKING:
    from indexer.build import BuildReport
    from indexer.embedding import Embedder


def staffed_members(session: Session) -> frozenset[str]:
    """The members that have librarians of their own."""
    return frozenset(account.member for account in staff.list_staff(session) if account.member)


class Services:
    """Everything a running process uses, made from its settings."""

    def __init__(self, settings: Settings, *, progress: Progress | None = None) -> None:
        self.settings = settings
        self._progress = progress
        self._embedder_lock = threading.Lock()
        settings.data_dir.mkdir(parents=True, exist_ok=True)

    @cached_property
    def database(self) -> Database:
        """The database, migrated to what this code expects."""
        database = Database(self.settings.effective_database_url)
        migrations.upgrade(database.engine)
        ring_when_due(database, self.bell.ring)
        return database

    @cached_property
    def bell(self) -> Bell:
        """Wakes the workers when something fell due."""
        return RedisBell(self.settings.redis_url) if self.settings.redis_url else InProcessBell()

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.database.engine)

    @cached_property
    def snapshots(self) -> SnapshotStore:
        return SnapshotStore(self.settings.index_dir)

    @cached_property
    def embedder(self) -> Embedder:
        from indexer.embedding import load_embedder  # loads a model runtime: only when a command needs one

        with self._embedder_lock:
            return load_embedder(
                self.settings.embedding_model,
                self.settings.model_dir,
                threads=self.settings.embedding_threads or None,
                progress=self._progress,
            )

    @cached_property
    def engine(self) -> SearchEngine:
        return SearchEngine(self.snapshots, self.catalogue, self.embedder)

    @cached_property
    def bus(self) -> EventBus:
        return RedisBus(self.settings.redis_url) if self.settings.redis_url else InProcessBus()

    @cached_property
    def limiter(self) -> Limiter:
        if self.settings.rate_limit == "off":
            return Unlimited()
        if self.settings.redis_url:
            return RedisLimiter(redis.Redis.from_url(self.settings.redis_url, decode_responses=True))
        return InProcessLimiter()

    @cached_property
    def visitor_tokens(self) -> VisitorTokens:
        return VisitorTokens(self.settings.signing_key(), ttl=self.settings.visitor_ttl)

    @cached_property
    def trusted_proxies(self) -> tuple[Network, ...]:
        return parse_networks(self.settings.trusted_proxies)

    @cached_property
    def source_networks(self) -> tuple[Network, ...]:
        """Private networks that sources may be fetched from."""
        return parse_networks(self.settings.source_networks)

    @cached_property
    def staff_sessions(self) -> StaffSessions:
        return StaffSessions(self.database, key=self.settings.signing_key(), ttl=self.settings.session_ttl)

    @cached_property
    def origins(self) -> OriginList:
        return OriginList(self.database)

    @cached_property
    def member_names(self) -> MemberNames:
        return MemberNames(self.database)

    @cached_property
    def answerer(self) -> Answerer:
        return Answerer(self.engine, names=self.member_names, members=self.member_names.all, modelled=self._modelled())

    def _modelled(self) -> Modelled | None:
        """The configured models under their supervisor; None: every answer is extractive."""
        settings = self.settings
        first = Endpoint(
            model=settings.chat_model,
            base_url=settings.chat_base_url,
            api_key=settings.chat_api_key.get_secret_value(),
        )
        second = Endpoint(
            model=settings.chat_fallback_model if settings.chat_model else "",
            base_url=settings.chat_fallback_base_url,
            api_key=settings.chat_fallback_api_key.get_secret_value(),
        )
        if not second.base_url:  # the same place; a key is never sent to another one
            second = replace(second, base_url=first.base_url, api_key=second.api_key or first.api_key)
        limits = Limits(
            first_token=settings.chat_first_token_timeout,
            stall=settings.chat_stall_timeout,
            whole=settings.chat_timeout,
        )
        supervisor = build_supervisor([first, second], limits=limits, max_tokens=settings.chat_max_tokens)
        if supervisor is None:
            return None
        return Modelled(supervisor, answer_prompts(), budget=settings.chat_prompt_tokens)

    def try_model(self) -> str:
        """What the configured chat model says, asked once.

        :raises ModelFailed: when it says nothing; :raises ConfigurationError: when there is no such model.
        """
        modelled = self._modelled()
        if modelled is None:
            return "none: answers are extractive"

        async def asked(model: Modelled) -> str:
            try:
                return await model.speaks()
            finally:
                await model.close()

        return asyncio.run(asked(modelled))

    @cached_property
    def desk(self) -> LiveDesk:
        return LiveDesk(self.database, self.bus, staffed=staffed_members)

    @cached_property
    def chat(self) -> Chat:
        return Chat(
            database=self.database,
            bus=self.bus,
            answerer=self.answerer,
            requests=ChatRequests(RequestProgress(self.database)),
            desk=self.desk,
            cache=self._answer_cache(),
        )

    def _answer_cache(self) -> AnswerCache | None:
        capacity = self.settings.answer_cache
        if capacity == 0:
            return None
        if self.settings.redis_url:
            return RedisCache(self.settings.redis_url, capacity)
        return InProcessCache(capacity)

    @cached_property
    def branch_directory(self) -> Branches:
        return Branches(self.database, key=self.settings.signing_key(), ttl=self.settings.session_ttl)

    def branch_shelf(self, branch: str) -> Shelf:
        """What an enterprise branch may see."""
        return Shelf(self.engine, branch)

    def words(self, text: str) -> Sequence[str]:
        """The index's tokens of a text."""
        return self.engine.tokeniser.tokens(text)

    @cached_property
    def delivery_rules(self) -> Rules:
        open_limit = None if self.settings.rate_limit == "off" else 20
        return Rules(
            policy=Policy(fairness=self.settings.routing_fairness),
            open_limit=open_limit,
            copyright=self.copyright,
            download=self.handover.download,
            withdraw=self.handover.withdraw,
            letter_link=self.handover.letter_link,
            letters=Letters(Path(self.settings.notice_templates) if self.settings.notice_templates else None),
        )

    @cached_property
    def mailer(self) -> SmtpMailer | None:
        """The configured mail server; None: notices stay on page and desk."""
        settings = self.settings
        return SmtpMailer(url=settings.smtp_url, sender=settings.mail_from) if settings.smtp_url else None

    def check(self) -> None:
        """Read everything that a deployment may have written wrongly.

        :raises ConfigurationError: naming the setting or file, before anybody is served.
        """
        _ = self.mailer, self.delivery_rules

    @cached_property
    def counter(self) -> Counter:
        return Counter(database=self.database, rules=self.delivery_rules, handover=self.handover, lookup=self.items)

    @cached_property
    def copyright(self) -> CopyrightLedger:
        path = Path(self.settings.copyright_policy) if self.settings.copyright_policy else None
        return CopyrightLedger(key=self.settings.signing_key(), policy=load_policy(path))

    @cached_property
    def handover(self) -> Handover:
        """Electronic delivery: files, links, their terms."""
        settings = self.settings
        shelf = FileShelf(
            directory=settings.deliveries_dir,
            max_bytes=settings.delivery_max_megabytes * 1024 * 1024,
            max_pages=settings.delivery_max_pages,
            scan=clamd(settings.clamd) if settings.clamd else None,
        )
        terms = Terms(
            file_days=settings.delivery_file_days,
            link_days=settings.delivery_link_days,
            downloads=settings.delivery_downloads,
        )
        return Handover(
            database=self.database, shelf=shelf, key=settings.signing_key(), public_url=settings.public_url, terms=terms
        )

    @cached_property
    def items(self) -> EngineItems:
        return EngineItems(lambda: self.engine)

    @cached_property
    def exchange(self) -> Exchange:
        """The ISO 18626 endpoint; without a configured symbol it answers for whichever symbol a partner addresses."""
        configured = "iso18626_symbol" in self.settings.model_fields_set
        return Exchange(
            database=self.database,
            lookup=self.items,
            rules=self.delivery_rules,
            own_symbol=self.settings.iso18626_symbol if configured else "",
        )

    @cached_property
    def knowledge(self) -> KnowledgeIndex:
        return KnowledgeIndex(self.database, self.catalogue, self.build_index, self.settings.data_dir)

    def routers(self) -> list[APIRouter]:
        """Every domain's endpoints."""
        return [
            consortium_routes.router(self.database, self.visitor_tokens),
            search_routes.router(self.engine),
            chat_routes.build_router(self.chat),
            delivery_routes.router(self.database, self.items, self.delivery_rules),
            upload_routes.router(self.counter, self.staff_sessions),
            download_routes.router(self.handover),
            iso18626_routes.router(self.exchange),
            desk_pages.router(
                self.database,
                bus=self.bus,
                sign_in=self.staff_sessions,
                board=DeskBoard(QueueBoard(self.database, self.delivery_rules, self.items)),
                counter=DeskCounter(self.counter),
                staffed=staffed_members,
                libraries=self.member_names.all,
                knowledge=self.knowledge,
                figures=DeskFigures(Reports(self.database)),
                sources=LoggedSources(self.catalogue),
            ),
            enterprise_routes.router(self.database, self.engine, self.branch_directory, self.catalogue.head_revision),
        ]

    @property
    def progress(self) -> Progress | None:
        return self._progress

    def build_index(self, *, full: bool = False) -> BuildReport:
        """Bring the index up to the catalogue."""
        from indexer.build import build

        return build(self.catalogue, self.snapshots, self.embedder, full=full, progress=self._progress)

    def compact_index(self) -> BuildReport:
        """Merge what updates have left behind into one tidy snapshot."""
        from indexer.build import compact

        return compact(self.catalogue, self.snapshots, self.embedder, progress=self._progress)

    def ask(self, question: str, *, member: str | None = None) -> dict[str, Any]:
        """One question without a conversation, as a public reader asks it."""
        return ask(self.answerer, question, member=member)

    def require_branch(self, code: str) -> None:
        """:raises NotFound: when there is no such enterprise branch."""
        with self.database.read() as session:
            branches.get_branch(session, code)

    def close(self) -> None:
        """Release what was opened."""
        for name in ("bus", "bell", "database"):
            if name in self.__dict__:
                getattr(self, name).close()
