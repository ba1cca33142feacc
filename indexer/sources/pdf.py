"""PDF files, read page by page in a process of their own (:mod:`indexer.sources.pdf_worker`) under limits.

Of pypdf, pdfplumber and pypdfium2 the last was ten times as fast on the same Chinese files, kept columns apart and was
the only one to give characters (文) where fonts name radicals (⽂).
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.sources.outline import Outline, tidy
from indexer.sources.pdf_layout import Line, Page, Table, lay_out

LARGEST = 1024**3
SECONDS_A_PAGE = 120.0
SECONDS_A_FILE = 3600.0
_JUNK_TITLES = ("microsoft word", "microsoft powerpoint", "untitled", "无标题", "未命名", "文档", "document", "幻灯片")


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfReading:
    """The title in the file's properties (empty when it is none), what was odd, and whether pages are missing because
    the process was ended: another time it may get further."""

    title: str
    remarks: tuple[str, ...]
    partial: bool = False


def read_pdf(path: Path, outline: Outline) -> PdfReading:
    """Fill the outline.

    :raises ValueError: when it has a password, is damaged, has no text, or takes too long.
    """
    if path.stat().st_size > LARGEST:
        raise ValueError(f"PDF 超过 {LARGEST // 1024**3} GB")
    answers = _answers(path)
    first = _first(answers)
    told: list[Mapping[str, Any]] = []
    cut = ""
    try:
        told.extend(answers)
    except _CutError as error:
        if not any(said["lines"] for said in told):
            raise ValueError(str(error)) from error
        cut = f"{error}，只读入了前 {len(told)} 页"
    pages = [_page(said) for said in told]
    remarks = [f"第 {said['number']} 页无法读取：{said['problem']}" for said in told if said.get("problem")]
    if first["pages"] > first["limit"]:
        remarks.append(f"PDF 有 {first['pages']} 页，只读入了前 {first['limit']} 页")
    remarks += _scan_remarks(pages, [said["number"] for said in told if said.get("scanned") and not said["ocr"]])
    lay_out(pages, outline)
    return PdfReading(
        title=_title(str(first.get("title") or "")),
        remarks=(*remarks, cut) if cut else tuple(remarks),
        partial=bool(cut),
    )


def _first(answers: Iterator[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What the worker says of the file as a whole.

    :raises ValueError: when it has a password or cannot be opened.
    """
    try:
        first = next(answers, {})
    except _CutError as error:
        raise ValueError(str(error)) from error
    if first.get("error") == "password":
        raise ValueError("PDF 有密码保护")
    if "error" in first:
        raise ValueError(f"PDF 损坏，无法读取（{first['detail']}）")
    if "pages" not in first:
        raise ValueError("PDF 无法读取：解析进程意外结束（文件损坏或内存不足）")
    return first


def _scan_remarks(pages: list[Page], scanned: list[int]) -> list[str]:
    """:raises ValueError: when every page is a picture and nothing can recognise it."""
    recognised = [page.number for page in pages if page.recognised]
    if not any(page.lines for page in pages):
        if scanned:
            raise ValueError("PDF 没有可提取的文字（扫描件）；安装 ocr 附加组件后可以识别：pip install 'lianwen[ocr]'")
        raise ValueError("PDF 没有可提取的文字，也没有识别出文字" if recognised else "PDF 没有页面或没有文字")
    told = []
    if scanned:
        listed = "、".join(str(number) for number in scanned[:20])
        told.append(f"第 {listed} 页是扫描页，没有读入；安装 ocr 附加组件后可以识别：pip install 'lianwen[ocr]'")
    if recognised:
        told.append(f"{len(recognised)} 页是扫描页，文字由 OCR 识别，可能有误")
    return told


def _page(said: Mapping[str, Any]) -> Page:
    lines = tuple(
        Line(text=tidy_line(text), left=left, top=top, right=right, bottom=bottom, size=size)
        for text, left, top, right, bottom, size in said["lines"]
        if text.strip()
    )
    tables = tuple(
        Table(
            left=t["box"][0], top=t["box"][1], right=t["box"][2], bottom=t["box"][3],
            rows=tuple(tuple(row) for row in t["rows"]),
        )
        for t in said["tables"]
    )  # fmt: skip
    return Page(
        number=said["number"],
        width=said.get("width", 0.0),
        height=said.get("height", 0.0),
        lines=lines,
        tables=tables,
        recognised=bool(said.get("ocr")),
    )


def tidy_line(text: str) -> str:
    """A line with its tabs kept."""
    return "\t".join(part for part in (tidy(cell) for cell in text.split("\t")) if part)


def _title(written: str) -> str:
    """The title in the properties, unless a program put its own words or a file name there."""
    plain = tidy(written).replace("\n", " ")
    low = plain.lower()
    if low.startswith(_JUNK_TITLES) or low.endswith(
        (".doc", ".docx", ".pdf", ".wps", ".indd", ".qxd", ".dwg", ".html")
    ):
        return ""
    mangled = sum("\x80" <= c <= "\xff" or c == "\ufffd" for c in plain)
    return plain if len(plain) > 1 and mangled * 3 <= len(plain) and not plain.isdigit() else ""


def ocr_installed() -> bool:
    """Is the extra ``ocr`` there?"""
    return importlib.util.find_spec("rapidocr") is not None


class _CutError(Exception):
    """The process was ended, or ended by itself, before the last page."""


def _answers(path: Path) -> Iterator[dict[str, Any]]:
    """What the worker says, a line at a time.

    :raises _CutError: when it took too long, or died.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
        "OMP_NUM_THREADS": "2",
    }
    command = [sys.executable, "-m", "indexer.sources.pdf_worker", str(path.resolve())]
    command += ["ocr"] if ocr_installed() else []
    with subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=environment
    ) as worker:
        late = threading.Event()
        whole = _kill_after(SECONDS_A_FILE, worker, late)
        page = _kill_after(SECONDS_A_PAGE, worker, late)
        try:
            for line in worker.stdout or ():
                page.cancel()
                if not line.endswith(b"\n"):
                    break
                yield json.loads(line)
                page = _kill_after(SECONDS_A_PAGE, worker, late)
            worker.wait()
        finally:
            page.cancel()
            whole.cancel()
            worker.kill()
        if late.is_set():
            raise _CutError("PDF 解析超时")
        if worker.returncode:
            raise _CutError("PDF 解析进程意外结束（文件损坏或内存不足）")


def _kill_after(seconds: float, worker: subprocess.Popen[bytes], late: threading.Event) -> threading.Timer:
    def kill() -> None:
        late.set()
        worker.kill()

    timer = threading.Timer(seconds, kill)
    timer.daemon = True
    timer.start()
    return timer
