"""The same input does nothing, a removed file withdraws its document, what cannot be read now is not taken for gone."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from indexer.catalogue import Catalogue
from indexer.sources import documents
from tests.indexer.factories import catalogue, cnmarc_book, iso2709, load


@pytest.fixture
def books(tmp_path: Path) -> Catalogue:
    return catalogue(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "rules"
    made.mkdir()
    for name in ("甲", "乙", "丙"):
        (made / f"{name}.txt").write_text(f"{name}馆的借阅规则。", encoding="utf-8")
    return made


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the document files that were parsed."""
    names: list[str] = []
    original = documents._read

    def counted(path: Path, outline: object) -> object:
        names.append(path.name)
        return original(path, outline)  # type: ignore[arg-type]

    monkeypatch.setattr(documents, "_read", counted)
    return names


def test_the_same_input_is_not_even_read_and_says_so(books: Catalogue, folder: Path, parsed: list[str]) -> None:
    first = load(books, folder)
    parsed.clear()
    head = books.head_revision()
    again = load(books, folder)
    assert parsed == []
    assert (again.unchanged, again.read, again.same_as_run) == (3, 3, first.run_id)
    assert "完全相同" in again.lines()[0]
    assert books.head_revision() == head
    assert load(books, folder).same_as_run == first.run_id


def test_only_the_changed_file_is_read_again(books: Catalogue, folder: Path, parsed: list[str]) -> None:
    load(books, folder)
    (folder / "乙.txt").write_text("乙馆新的借阅规则。", encoding="utf-8")
    parsed.clear()
    report = load(books, folder)
    assert parsed == ["乙.txt"]
    assert (report.changed, report.unchanged) == (1, 2)


def test_a_removed_file_withdraws_its_document_in_a_complete_load_only(books: Catalogue, folder: Path) -> None:
    load(books, folder, complete=True)
    (folder / "丙.txt").unlink()
    assert load(books, folder).withdrawn == 0
    assert load(books, folder, complete=True).withdrawn == 1
    assert books.by_source_id("books", "丙.txt") is None


def test_a_file_that_cannot_be_read_now_keeps_its_document(books: Catalogue, folder: Path) -> None:
    load(books, folder, complete=True)
    (folder / "甲.txt").write_bytes(b"\xff\xd8\xff\x00 not a text any more")
    (folder / "丙.txt").unlink()
    report = load(books, folder, complete=True)
    assert (report.withdrawn, report.skipped_count, report.withdrawal_withheld) == (1, 1, "")
    assert books.by_source_id("books", "甲.txt") is not None


def test_an_unreadable_catalogue_file_among_others_withdraws_nothing(books: Catalogue, tmp_path: Path) -> None:
    folder = tmp_path / "marc"
    folder.mkdir()
    iso2709(folder / "a.mrc", cnmarc_book("A1", "甲书"))
    iso2709(folder / "b.mrc", cnmarc_book("B1", "乙书", isbn="7-5037-1744-0"))
    load(books, folder, complete=True)
    (folder / "b.mrc").write_bytes(b"")
    report = load(books, folder, complete=True)
    assert report.withdrawn == 0
    assert report.withdrawal_withheld


def test_an_empty_folder_is_an_error_and_withdraws_nothing(books: Catalogue, folder: Path) -> None:
    load(books, folder, complete=True)
    for file in folder.iterdir():
        file.unlink()
    with pytest.raises(ValueError, match="没有可读的文件"):
        load(books, folder, complete=True)
    assert len(books.ids()) == 3
    assert "没有可读的文件" in books.runs()[0]["report"]["error"]


def test_another_load_in_between_makes_the_first_input_count_again(books: Catalogue, tmp_path: Path) -> None:
    first = iso2709(tmp_path / "a.mrc", cnmarc_book("A1", "甲书"))
    second = iso2709(tmp_path / "b.mrc", cnmarc_book("A1", "甲书改"))
    load(books, first)
    load(books, second)
    report = load(books, first)
    assert (report.same_as_run, report.changed) == (0, 1)
    item = books.by_source_id("books", "A1")
    assert item is not None
    assert item.title == "甲书"


def test_a_zip_without_a_member_withdraws_it(books: Catalogue, folder: Path, tmp_path: Path) -> None:
    def packed(*names: str) -> Path:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for name in names:
                archive.write(folder / name, name)
        return tmp_path / "a.zip"

    load(books, packed("甲.txt", "乙.txt"), complete=True)
    report = load(books, packed("乙.txt"), complete=True)
    assert (report.unchanged, report.withdrawn) == (1, 1)


def test_a_wrong_line_keeps_what_the_line_said_before(books: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = [f'{{"id": "{n}", "title": "t", "text": "x{n}"}}' for n in range(3)]
    path.write_text("\n".join(good), encoding="utf-8")
    load(books, path, complete=True)
    path.write_text("\n".join([good[0], '{"id": "1", "title": 5, "text": "x"}']), encoding="utf-8")
    report = load(books, path, complete=True)
    assert report.withdrawn == 1
    assert books.by_source_id("books", "1") is not None


def test_an_emptied_list_withdraws_everything_only_where_it_may_be_empty(books: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "1", "title": "t", "text": "x"}\n', encoding="utf-8")
    load(books, path, complete=True, format="jsonl")
    path.write_text("\n", encoding="utf-8")
    assert load(books, path, complete=True, format="jsonl").withdrawn == 0
    assert load(books, path, complete=True, format="jsonl", may_be_empty=True).withdrawn == 1
