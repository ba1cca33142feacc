"""Every table of the program in one place, for migrations and for the test that compares them with the models."""

from __future__ import annotations

from sqlalchemy import MetaData

from backend.chat import models as chat
from backend.consortium import models as consortium
from backend.core import db, jobs
from backend.delivery import file_models as files
from backend.delivery import iso18626_models as iso18626
from backend.delivery import models as delivery
from backend.desk import models as desk
from backend.enterprise import models as enterprise
from indexer import catalogue, source_state

MODEL_MODULES = (chat, consortium, delivery, files, iso18626, desk, enterprise, jobs, source_state)


def all_metadata() -> list[MetaData]:
    """The backend's tables and the catalogue's."""
    return [db.Base.metadata, catalogue.metadata]
