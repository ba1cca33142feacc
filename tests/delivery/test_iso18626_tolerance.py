"""Other systems' messages, whole and broken in every way: always a valid confirmation, and the right error type."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from backend.consortium import peers
from backend.consortium.values import Peer
from backend.core.db import Database
from backend.core.http import install_error_handlers
from backend.core.middleware import BodyLimit
from backend.delivery import store
from backend.delivery.iso18626_read import MAX_BYTES, Node, envelope, parse
from backend.delivery.iso18626_receive import Exchange
from backend.delivery.iso18626_routes import router
from backend.delivery.iso18626_values import NAMESPACE, Agency, Confirmation, Message, Version
from backend.delivery.iso18626_write import confirm, write
from tests.delivery.library import RULES, item
from tests.delivery.test_iso18626_exchange import Shelf
from tests.delivery.test_iso18626_messages import AT, ITEM, examples
from tests.shared_data import shared

THEM = Peer(symbol="CN-1", url="http://them/", name="对方馆")
TOKEN = "the token of CN-1"
HEADER = f"""<header><supplyingAgencyId><agencyIdType>ISIL</agencyIdType><agencyIdValue>CN-2</agencyIdValue>
</supplyingAgencyId><requestingAgencyId><agencyIdType>ISIL</agencyIdType><agencyIdValue>CN-1</agencyIdValue>
</requestingAgencyId><timestamp>{AT.isoformat()}</timestamp><requestingAgencyRequestId>R-1</requestingAgencyRequestId>
</header>"""
BOOK = "<bibliographicInfo><title>地方志编纂学</title></bibliographicInfo>"
LOAN = "<serviceInfo><serviceType>Loan</serviceType></serviceInfo>"


def wrapped(inner: str, *, version: str = "1.2") -> str:
    return f'<ISO18626Message xmlns="{NAMESPACE}" xmlns:i="{NAMESPACE}" i:version="{version}">{inner}</ISO18626Message>'


def request(inner: str = BOOK + LOAN, *, header: str = HEADER, version: str = "1.2") -> str:
    return wrapped(f"<request>{header}{inner}</request>", version=version)


def acting(action: str) -> str:
    return wrapped(f"<requestingAgencyMessage>{HEADER}{action}</requestingAgencyMessage>")


@pytest.fixture
def exchange(database: Database) -> Exchange:
    with database.begin() as session:
        peers.add_peer(session, THEM.symbol, url=THEM.url, token=TOKEN, name=THEM.name)
    return Exchange(database=database, lookup=Shelf(item("city", title="地方志编纂学")), rules=RULES, own_symbol="CN-2")


@pytest.fixture(scope="module")
def schemas() -> dict[str, etree.XMLSchema]:
    names = {"1.2": "ISO-18626-v1_2.xsd", "2021-2": "ISO-18626-2021-2.xsd"}
    return {version: etree.XMLSchema(etree.parse(str(shared("ill") / name))) for version, name in names.items()}


def count(database: Database) -> int:
    with database.read() as session:
        return store.count(session, [])


def faults(confirmation: Confirmation) -> list[str]:
    return [fault.type for fault in confirmation.faults]


READ_ALL_THE_SAME = {
    "no wrapper": f'<request xmlns="{NAMESPACE}">{HEADER}{BOOK}{LOAN}</request>',
    "no namespace": f"<ISO18626Message><request>{HEADER}{BOOK}{LOAN}</request></ISO18626Message>",
    "another namespace": request().replace(NAMESPACE, "http://example.org/ill"),
    "an undeclared prefix": f"<request>{HEADER}{BOOK}{LOAN}</request>".replace("<", "<x:").replace("<x:/", "</x:"),
    "plain version attribute": request().replace("i:version", "version"),
    "empty version": request(version=""),
    "an unheard-of version": request(version="9.9"),
    "another order": request(f"{LOAN}{BOOK}"),
    "header last": wrapped(f"<request>{LOAN}{BOOK}{HEADER}</request>"),
    "unknown elements": request(f"<colour><deep>red</deep></colour>{BOOK}{LOAN}"),
    "empty optional elements": request(f"{BOOK}{LOAN}<supplierInfo/><patronInfo><patronId/></patronInfo>"),
    "no serviceInfo": request(BOOK),
    "a code in capitals": request(BOOK + LOAN.upper().replace("SERVICEINFO", "serviceInfo").replace("SERVICET", "serviceT").replace("YPE>", "ype>")),  # noqa: E501
    "a code with separators": request(BOOK + LOAN.replace("Loan", "Copy_Or-Loan")),
    "CDATA and blanks": request((BOOK + LOAN).replace("地", "<![CDATA[ 地]]>").replace("Loan", "\n Loan ")),
    "comments and instructions": "<!-- a --><?b c?>" + request(f"<!-- x -->{BOOK}<?y z?>{LOAN}<!-- -->"),
    "an offset without colon": request().replace("+00:00", "+0000"),
    "no zone": request().replace("+00:00", ""),
    "nanoseconds": request().replace("+00:00", ".123456789Z"),
    "symbol repeated in the value": request().replace(">CN-1<", ">ISIL:CN-1<"),
    "symbol in another case": request().replace(">CN-1<", ">cn-1<"),
    "type missing": request().replace("<agencyIdType>ISIL</agencyIdType>", ""),
    "two titles": request(BOOK.replace("<title>", "<title>地方志编纂学</title><title>") + LOAN),
}  # fmt: skip


@pytest.mark.parametrize("body", READ_ALL_THE_SAME.values(), ids=READ_ALL_THE_SAME)
def test_what_can_be_understood_is_acted_on(exchange: Exchange, body: str) -> None:
    assert faults(exchange.receive(body.encode(), THEM)) == []
    with exchange.database.read() as session:
        found = store.by_peer_request(session, "peer:CN-1", "R-1")
        assert found is not None
        assert (found.service, found.state, found.supplier) == ("loan", "requested", "city")


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + request().encode(),
        b"\n \t" + b'<?xml version="1.0" encoding="UTF-8"?>' + request().encode(),
        ('<?xml version="1.0" encoding="UTF-16"?>' + request()).encode("utf-16"),
        ('<?xml version="1.0" encoding="UTF-16"?>' + request()).encode(),
        ('<?xml version="1.0" encoding="utf-16"?>' + request()).encode("utf-16-be"),
        ('<?xml version="1.0" encoding="GB18030"?>' + request()).encode("gb18030"),
        ('<?xml version="1.0" encoding="latin-9000"?>' + request()).encode(),
        ('<?xml version="1.0" standalone="no"?>\r\n' + request()).encode(),
    ],
    ids=["BOM", "blanks first", "UTF-16", "UTF-16 declared only", "UTF-16BE", "GB18030", "unheard-of encoding", "CRLF"],
)
def test_encodings(exchange: Exchange, body: bytes) -> None:
    assert faults(exchange.receive(body, THEM)) == []
    with exchange.database.read() as session:
        found = store.by_peer_request(session, "peer:CN-1", "R-1")
        assert found is not None
        assert "地方志编纂学" in found.citation


BROKEN = {
    "nothing": ("", "BadlyFormedMessage"),
    "no XML": ("hello", "BadlyFormedMessage"),
    "cut off": (request()[:-30], "BadlyFormedMessage"),
    "HTML": ("<html><body>502</body></html>", "BadlyFormedMessage"),
    "empty wrapper": (wrapped(""), "BadlyFormedMessage"),
    "unknown message": (wrapped(f"<cancelRequest>{HEADER}</cancelRequest>"), "UnrecognisedDataElement"),
    "a confirmation": (wrapped("<requestConfirmation/>"), "UnrecognisedDataElement"),
    "an unwrapped confirmation": ("<requestConfirmation/>", "UnrecognisedDataElement"),
    "two messages": (wrapped(f"<request>{HEADER}{BOOK}</request>" * 2), "BadlyFormedMessage"),
    "no header": (wrapped(f"<request>{BOOK}{LOAN}</request>"), "BadlyFormedMessage"),
    "no id": (request(header=HEADER.replace(">R-1<", "><")), "BadlyFormedMessage"),
    "endless id": (request(header=HEADER.replace("R-1", "R" * 201)), "UnrecognisedDataValue"),
    "no timestamp": (request(header=HEADER.replace(AT.isoformat(), "")), "BadlyFormedMessage"),
    "no date": (request(header=HEADER.replace(AT.isoformat(), "_TIMESTAMP_")), "UnrecognisedDataValue"),
    "impossible date": (request(header=HEADER.replace("2026-03-01", "2026-02-30")), "UnrecognisedDataValue"),
    "nobody asks": (request(header=HEADER.replace(">CN-1<", "><")), "BadlyFormedMessage"),
    "another agency asks": (request(header=HEADER.replace(">CN-1<", ">CN-9<")), "UnrecognisedDataValue"),
    "another agency is asked": (request(header=HEADER.replace(">CN-2<", ">CN-9<")), "UnrecognisedDataValue"),
    "another type of agency": (request(header=HEADER.replace(">ISIL<", ">OCLC<")), ""),
    "nothing is asked for": (request(LOAN), "BadlyFormedMessage"),
    "no title, no number": (request(f"<bibliographicInfo><title/></bibliographicInfo>{LOAN}"), "BadlyFormedMessage"),
    "unknown request type": (request(BOOK + LOAN.replace("<serviceT", "<requestType>Beg</requestType><serviceT")), "UnrecognisedDataValue"),  # noqa: E501
    "unknown service": (request(BOOK + LOAN.replace("Loan", "Gift")), "UnrecognisedDataValue"),
    "unreadable date": (request(BOOK + LOAN.replace("<serviceT", "<needBeforeDate>soon</needBeforeDate><serviceT")), "UnrecognisedDataValue"),  # noqa: E501
    "unknown action": (acting("<action>Dance</action>"), "UnsupportedActionType"),
    "no action": (acting(""), "BadlyFormedMessage"),
    "action on an unknown request": (acting("<action>Received</action>"), "UnrecognisedDataValue"),
    "answer to an unknown request": (wrapped(
        f"<supplyingAgencyMessage>{HEADER.replace('CN-2', 'x').replace('CN-1', 'CN-2').replace('x', 'CN-1')}"
        "<messageInfo><reasonForMessage>StatusChange</reasonForMessage></messageInfo>"
        "<statusInfo><status>WillSupply</status></statusInfo></supplyingAgencyMessage>"), "UnrecognisedDataValue"),
    "a document type": ('<!DOCTYPE request SYSTEM "file:///etc/passwd">' + request(), "BadlyFormedMessage"),
    "an entity": ('<!DOCTYPE a [<!ENTITY b "c">]>' + request(BOOK.replace("<title>", "<title>&b;") + LOAN), "BadlyFormedMessage"),  # noqa: E501
    "an undefined entity": (request(BOOK.replace("<title>", "<title>&b;") + LOAN), "BadlyFormedMessage"),
    "depth": ("<a>" * 3000 + "</a>" * 3000, "BadlyFormedMessage"),
    "size": (request(BOOK.replace("地", "很" * MAX_BYTES)), "BadlyFormedMessage"),
}  # fmt: skip


@pytest.mark.shared
@pytest.mark.parametrize(("body", "fault"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_gets_its_error_type_and_changes_nothing(
    exchange: Exchange, schemas: dict[str, etree.XMLSchema], body: str, fault: str
) -> None:
    for version in ("1.2", "2021-2"):
        answer = exchange.receive(body.replace('i:version="1.2"', f'i:version="{version}"').encode(), THEM)
        assert faults(answer)[:1] == ([fault] if fault else [])
        valid(confirm(answer), schemas)
    assert count(exchange.database) == (0 if fault else 1)


def bombs() -> Iterator[str]:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    yield f'<!DOCTYPE x [<!ENTITY l0 "ha">{levels}]><request>&l11;</request>'
    yield f'<!DOCTYPE x [<!ENTITY l0 "ha">{levels}]><request id="&l11;"/>'
    big = "a" * 200_000
    yield f'<!DOCTYPE x [<!ENTITY b "{big}">]><request>{"&b;" * 50_000}</request>'
    yield '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x.dtd">%p;]><request/>'


@pytest.mark.parametrize("bomb", list(bombs()), ids=["nested", "in an attribute", "quadratic", "parameter"])
def test_entity_bombs_are_refused_at_once(exchange: Exchange, bomb: str) -> None:
    assert faults(exchange.receive(bomb.encode(), THEM)) == ["BadlyFormedMessage"]


def valid(written: bytes, schemas: dict[str, etree.XMLSchema]) -> etree._Element:
    root = etree.fromstring(written)
    schema = schemas[root.get(f"{{{NAMESPACE}}}version") or ""]
    assert schema.validate(root), (written.decode(), schema.error_log)
    return root


def files() -> list[Path]:
    folder = shared("ill")
    return sorted([*folder.glob("crosslink/*.xml"), *folder.glob("mod-rs/*.xml")])


@pytest.mark.shared
def test_every_message_of_other_systems_gets_a_valid_confirmation(
    exchange: Exchange, schemas: dict[str, etree.XMLSchema]
) -> None:
    anyone = Exchange(database=exchange.database, lookup=exchange.lookup, rules=RULES)
    accepted = set()
    for path in files():
        found, inside = envelope(parse(path.read_bytes()))
        sender = found.supplier if found.kind == "supplyingAgencyMessage" else found.requester
        peer = Peer(symbol=sender.value if sender else "nobody", url="http://them/")
        for _ in range(2):
            answer = anyone.receive(path.read_bytes(), peer)
            root = valid(confirm(answer), schemas)
            if not faults(answer):
                accepted.add(path.name)
        echoed = Node(root[0]).text("confirmationHeader", "timestamp")
        given = inside[0].text("header", "timestamp") if inside else ""
        assert echoed == given or not found.timestamp_text
    unusable = {"requestConfirmation.xml", "patronRequestRetry.xml"}  # an answer; a request without requester
    requests = {path.name for path in files() if b"request>" in path.read_bytes()} - unusable
    assert accepted == requests | {"requestingAgencyMessage.xml"}
    assert count(exchange.database) == 9  # js-test-1017 comes four times


SWAPS = ["", " ", "x" * 5000, "😀\u202e", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "Loaned", "Y", "-1"]
SWAPS += ["<script>alert(1)</script>", "2024-13-45", "Unfilled", "NaN", "Infinity", "1e999999", "CN-9", "ISIL:CN-1"]


def mutate(root: etree._Element, luck: random.Random) -> None:
    """One change at one place: drop, repeat, move, rename, empty or replace."""
    elements = [element for element in root.iter() if isinstance(element.tag, str)]
    one = luck.choice(elements)
    parent = one.getparent()
    kind = luck.randrange(7)
    if kind == 0 and parent is not None:
        parent.remove(one)
    elif kind == 1 and parent is not None:
        parent.append(copy.deepcopy(one))
    elif kind == 2:
        children = list(one)
        luck.shuffle(children)
        one[:] = children
    elif kind == 3:
        one.tag = luck.choice(["x", f"{{{NAMESPACE}}}header", f"{{{NAMESPACE}}}request", "{urn:y}status"])
    elif kind == 4:
        one.text = luck.choice(SWAPS)
    elif kind == 5:
        luck.choice(elements).append(copy.deepcopy(one))
    else:
        one.set(luck.choice([f"{{{NAMESPACE}}}version", "version", "scheme"]), luck.choice(["2021-2", "1.2", ""]))


def seeds() -> list[bytes]:
    ours = [write(example) for version in ("1.2", "2021-2") for example in examples(version)]  # type: ignore[arg-type]
    return ours + [path.read_bytes() for path in files()]


@pytest.mark.shared
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 4))
def test_a_mutated_message_never_breaks_the_answer(
    exchange: Exchange, schemas: dict[str, etree.XMLSchema], seed: int, changes: int
) -> None:
    luck = random.Random(seed)
    root = etree.fromstring(luck.choice(seeds_once()))
    for _ in range(changes):
        mutate(root, luck)
    body = etree.tostring(root, encoding=luck.choice(["utf-8", "utf-16", "us-ascii"]), xml_declaration=True)
    if luck.random() < 0.1:
        body = body[: luck.randrange(len(body))]
    before = count(exchange.database)
    answer = exchange.receive(body, THEM)
    shown = valid(confirm(answer), schemas)
    confirmed = Node(shown[0]).text("confirmationHeader", "messageStatus")
    assert confirmed == ("ERROR" if answer.faults else "OK")
    assert count(exchange.database) - before <= (0 if answer.faults else 1)


_SEEDS: list[bytes] = []


def seeds_once() -> list[bytes]:
    if not _SEEDS:
        _SEEDS.extend(seeds())
    return _SEEDS


@pytest.fixture
def client(exchange: Exchange) -> TestClient:
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router(exchange))
    app.add_middleware(BodyLimit, limit=2 * MAX_BYTES, larger={})
    return TestClient(app, headers={"authorization": f"Bearer {TOKEN}"}, raise_server_exceptions=False)


def test_a_message_too_large_to_be_read_is_answered_in_the_protocol(client: TestClient) -> None:
    answer = client.post("/iso18626", content=iter([b"<request>" * 100_000] * 4))
    assert answer.status_code == 200
    assert b"BadlyFormedMessage" in answer.content
    assert client.post("/iso18626", content=b"x" * (2 * MAX_BYTES + 1)).status_code == 413


def test_our_own_faults_are_not_blamed_on_the_message(client: TestClient, exchange: Exchange) -> None:
    """The peer must try again: an ERROR confirmation would end the request."""
    exchange.database.engine.dispose()
    with exchange.database.begin() as session:
        session.connection().exec_driver_sql("ALTER TABLE delivery_ill_received RENAME TO away")
    assert client.post("/iso18626", content=request().encode()).status_code >= 500
    with exchange.database.begin() as session:
        session.connection().exec_driver_sql("ALTER TABLE away RENAME TO delivery_ill_received")
    assert b">OK<" in client.post("/iso18626", content=request().encode()).content


def test_a_number_that_is_no_isbn_does_not_keep_a_title_from_being_found(exchange: Exchange) -> None:
    book = item("city", title="Lord of the Rings", creators=("J.R.R. Tolkien",), year=1954)
    finding = Exchange(database=exchange.database, lookup=Shelf(book), rules=RULES)
    asked = request(
        "<bibliographicInfo><title>Lord of the Rings</title><author>JRR Tolkien</author><bibliographicItemId>"
        "<bibliographicItemIdentifier>1983</bibliographicItemIdentifier><bibliographicItemIdentifierCode>ISBN"
        f"</bibliographicItemIdentifierCode></bibliographicItemId></bibliographicInfo>{LOAN}"
    )
    assert faults(finding.receive(asked.encode(), THEM)) == []
    with exchange.database.read() as session:
        found = store.by_peer_request(session, "peer:CN-1", "R-1")
        assert found is not None
        assert (found.state, found.item_id) == ("requested", "r1")


@pytest.mark.parametrize("version", ["1.2", "2021-2"])
def test_a_request_is_not_confirmed_under_an_id_that_another_has(exchange: Exchange, version: Version) -> None:
    first = Message(
        kind="request", version=version, supplier=Agency(value="CN-2"), requester=Agency(value="CN-1"), timestamp=AT,
        request_id="R-7", item=ITEM,
    )  # fmt: skip
    again = write(first).replace(b"08:30", b"09:30")
    other = again.replace("研究".encode(), "探索".encode())
    assert [faults(exchange.receive(body, THEM)) for body in (write(first), again)] == [[], []]
    assert faults(exchange.receive(other, THEM)) == ["UnrecognisedDataValue"]
    assert count(exchange.database) == 1
