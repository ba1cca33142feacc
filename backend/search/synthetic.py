"""A made-up catalogue of any size, recombined from real phrases, so that scale can be measured anywhere.

Each record is made anew from its number; its title is pieces of two real ones, its names, subjects and publisher are
real, its ISBN is valid. Vectors are mixtures of the real vectors of two phrases with noise, because embedding a
million texts takes hours. So latency, memory and disk are those of a real catalogue of that size; relevance is not.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from indexer.catalogue import Catalogue, Collection, ItemRow
from indexer.progress import Progress
from indexer.records import Classification, Holding, HoldingStatus, Identifier, Passage, StoredItem

MEMBERS = 8
COLLECTIONS = 5
BRANCH_AUDIENCE = "branch:BENCH"
PHRASES_EMBEDDED = 2_000
"""Real phrases whose vectors are mixed."""
_NOISE = 0.0106
"""Of each of two noise vectors, per dimension: together they are as long as a third of the phrases' mixture."""
_NOISE_ROWS = 8_192
_BATCH = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """The real words that made-up records and questions are recombined from."""

    titles: Sequence[str]
    creators: Sequence[str]
    subjects: Sequence[str]
    publishers: Sequence[str]

    @classmethod
    def of(cls, items: Sequence[StoredItem]) -> Phrases:
        """Of catalogued items.

        :raises ValueError: when they are too few to recombine anything.
        """
        phrases = cls(
            titles=[item.title for item in items if len(item.title) > 1],
            creators=[name for item in items for name in item.creators[:1]],
            subjects=[subject for item in items for subject in item.subjects[:2]],
            publishers=[item.publisher for item in items if item.publisher],
        )
        if min(len(phrases.titles), len(phrases.creators), len(phrases.subjects), len(phrases.publishers)) < 50:
            raise ValueError("too few titles, names, subjects or publishers to recombine")
        return phrases

    def sample(self) -> list[str]:
        """The titles whose vectors stand for all."""
        return random.Random(7).sample(list(self.titles), min(PHRASES_EMBEDDED, len(self.titles)))


def made_up(phrases: Phrases, number: int) -> ItemRow:
    """Record ``number``."""
    pick = random.Random(1_000_003 * 7 + number)
    one, other = pick.choice(phrases.titles), pick.choice(phrases.titles)
    title = one[: max(2, len(one) // 2)] + other[len(other) // 2 :]
    creator, publisher = pick.choice(phrases.creators), pick.choice(phrases.publishers)
    subjects = (pick.choice(phrases.subjects), pick.choice(phrases.subjects))
    year = pick.randint(1950, 2025)
    text = f"题名：{title}。责任者：{creator}。出版：{publisher}，{year}。主题：{'；'.join(subjects)}。"
    mark = f"{pick.choice('ABCDEFGHIJKNOPQRSTUVXZ')}{pick.randint(1, 999)}"
    item = StoredItem(
        id=f"r{number}",
        source_id=f"synthetic-{number}",
        collection=f"collection-{number % COLLECTIONS}",
        audience=BRANCH_AUDIENCE if number % 20 == 0 else "public",
        kind="catalogue",
        title=title,
        text=text,
        revision=number + 1,
        creators=(creator,),
        publisher=publisher,
        year=year,
        language="chi" if number % 6 else "eng",
        identifiers=(Identifier(scheme="isbn", value=made_up_isbn(number)),),
        classifications=(Classification(scheme="clc", number=mark),),
        subjects=subjects,
        holdings=tuple(_holdings(pick, mark)),
    )
    passage = Passage(id=f"{item.id}-0", item_id=item.id, ordinal=0, start=0, end=len(text), text=text)
    return ItemRow(item=item, passages=(passage,), digest=hashlib.blake2b(text.encode(), digest_size=20).hexdigest())


def _holdings(pick: random.Random, mark: str) -> Iterator[Holding]:
    for member in pick.sample(range(MEMBERS), pick.randint(1, 3)):
        status: HoldingStatus = "available" if pick.random() < 0.8 else "on_loan"
        yield Holding(member=f"member-{member}", call_number=f"{mark}/{pick.randint(1, 9999)}", status=status)


def made_up_isbn(number: int) -> str:
    """A valid ISBN-13 that belongs to record ``number``."""
    body = f"979{number:09d}"
    check = -sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(body)) % 10
    return f"{body}{check}"


def fill(catalogue: Catalogue, phrases: Phrases, records: int, progress: Progress) -> None:
    """Store made-up records until the catalogue holds ``records``; what is there is left (a broken run goes on)."""
    for number in range(COLLECTIONS):
        catalogue.open_collection(Collection(name=f"collection-{number}", kind="catalogue", audience="public"))
    numbers = iter(range(catalogue.head_revision(), records))
    while batch := list(islice(numbers, _BATCH)):
        with catalogue.begin() as transaction:
            transaction.store([made_up(phrases, number) for number in batch])
        progress.advance(len(batch))


class MixingEmbedder:
    """A text gets a mixture of two real phrases' vectors and noise, the same one every time. Asks for no model."""

    def __init__(self, fingerprint: str, pool: NDArray[np.float32]) -> None:
        self.fingerprint = fingerprint
        self.dimension = int(pool.shape[1])
        self._pool = pool
        noise = np.random.default_rng(7).normal(scale=_NOISE, size=(_NOISE_ROWS, self.dimension))
        self._noise = noise.astype(np.float32)

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        digests = b"".join(hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts)
        first, second, one, other = np.frombuffer(digests, dtype="<u4").reshape(-1, 4).T
        phrases, noise = len(self._pool), len(self._noise)
        mixed = 0.6 * self._pool[first % phrases] + 0.4 * self._pool[second % phrases]
        mixed += self._noise[one % noise] + self._noise[other % noise]
        return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True), dtype=np.float32)
