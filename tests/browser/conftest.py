"""Real Chromium against the widget. The pictures taken are kept under tests/browser/output, which git ignores."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from tests.browser.fake_server import World, create_fake

ROOT = Path(__file__).parents[2]
FIRST_START = 600.0
"""Seconds the first start may take here: it loads the demo catalogue and builds its index."""
OUTPUT = Path(__file__).parent / "output"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    arguments = [
        "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--lang=zh-CN",
    ]  # fmt: skip
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    return {**browser_type_launch_args, "executable_path": executable, "headless": True, "args": arguments}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    viewport = {"width": 1280, "height": 800}
    return {**browser_context_args, "locale": "zh-CN", "viewport": viewport, "reduced_motion": "reduce"}


@pytest.fixture(scope="session")
def base_url() -> None:
    """Tests name whole addresses. (It also stands in for the plugin's fixture, which pytest 9 warns about.)"""


@pytest.fixture(scope="session")
def output() -> Path:
    OUTPUT.mkdir(exist_ok=True)
    return OUTPUT


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def service_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's data. LIANWEN_DATA_DIR, when set, saves the first start."""
    folder = Path(os.environ.get("LIANWEN_DATA_DIR") or tmp_path_factory.mktemp("demo"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def service(service_folder: Path) -> Iterator[str]:
    """The demo as a reader gets it, in a process of its own."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = service_folder / "browser-journey.log"
    with log.open("wb") as output:
        command = [sys.executable, "-c", "from backend.cli import main; main()", "demo", "--port", str(port)]
        environment = {**os.environ, "LIANWEN_DATA_DIR": str(service_folder), "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_until_ready(process, url, log)
            yield url
        finally:
            process.terminate()
            process.wait(timeout=20)


def wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + FIRST_START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the demo ended: {log.read_text(errors='replace')[-2000:]}")
        try:
            if httpx.get(f"{url}/readyz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.5)
    pytest.fail(f"the demo was not ready in time: {log.read_text(errors='replace')[-2000:]}")


class Fake:
    """The fake service in a thread of its own; ``world`` is what it does and remembers."""

    def __init__(self) -> None:
        self.world = World()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(
            create_fake(self.world), port=self.port, log_level="critical", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve()), daemon=True)

    def start(self) -> None:
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the fake service did not start")
            threading.Event().wait(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=5)


@pytest.fixture
def fake() -> Iterator[Fake]:
    server = Fake()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def world(fake: Fake) -> World:
    return fake.world
