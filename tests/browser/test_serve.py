"""The site while it is written: what is edited shows in the browser by itself."""

import socket
import subprocess
import sys
from pathlib import Path

from conftest import environment, make_project, started
from playwright.sync_api import Page, expect


def test_edited_page_reloads(tmp_path: Path, phone: Page) -> None:
    make_project(tmp_path, {"index.md": "# Home\n\nBefore.\n"})
    with socket.create_server(("127.0.0.1", 0)) as free:
        place = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "mkdocs", "serve", "--dev-addr", place]
    with (
        (tmp_path / "log").open("w+", encoding="utf-8") as log,
        started(
            command, cwd=tmp_path, env=environment(tmp_path), stdout=log, stderr=subprocess.STDOUT
        ) as server,
    ):
        while "Serving on" not in (tmp_path / "log").read_text(encoding="utf-8"):
            assert server.poll() is None, (tmp_path / "log").read_text(encoding="utf-8")
            phone.wait_for_timeout(100)
        said: list[str] = []
        phone.on("console", lambda message: said.append(message.text))
        phone.goto(f"http://{place}/")
        expect(phone.locator("article")).to_contain_text("Before.")
        (tmp_path / "docs/index.md").write_text("# Home\n\nAfter.\n", encoding="utf-8")
        expect(phone.locator("article")).to_contain_text("After.", timeout=120_000)
        assert set(said) == {"Enabled live reload"}
