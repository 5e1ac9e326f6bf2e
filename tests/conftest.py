"""The site, built once a run, and projects of a few pages that are built like it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jupytext
import nbformat
import pytest
from filelock import FileLock
from hypothesis import settings
from mkdocs.utils.yaml import yaml_load
from platformdirs import user_cache_path

if TYPE_CHECKING:
    from hosting import Host
    from playwright.sync_api import Browser, Page

# Several workers test side by side, and where little is done in each step, the threads of one would
# mostly wait for each other. PyTorch reads this when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# `pytest &` in a script and some CI systems have SIGINT ignored, and so would what the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples each time: a few by default, many by `pytest --hypothesis-profile=all`.
settings.register_profile("few", max_examples=100, deadline=None, derandomize=True)
settings.register_profile("all", max_examples=2_200, deadline=None, derandomize=True)
settings.load_profile("few")

ROOT = Path(__file__).parents[1]
IS_EXECUTED = "kernelspec:"  # in the front matter of a page that is executed
FRONT = """---
jupyter:
  kernelspec:
    display_name: Python 3
    language: python
    name: python3
---
"""
KINDS = "kinds"  # a page that is in the tests only
EXECUTED = sorted(
    path.relative_to(ROOT / "docs").with_suffix("").as_posix()
    for path in (ROOT / "docs").rglob("*.md")
    if IS_EXECUTED in path.read_text(encoding="utf-8").partition("\n---\n")[0]
)
SIZES = {"phone": (360, 740), "desk": (1280, 800)}  # of windows
BUILT = "2001-02-03"  # the day that the site is told
BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


class Site(NamedTuple):
    """A folder with docs/, cnn_tutorial/ and mkdocs.yml, and what building it made and said."""

    root: Path
    html: Path
    log: str

    def page(self, name: str) -> Path:
        """Return the HTML of a page, named by its path in docs/ without .md."""
        return self.html / name.removesuffix("index") / "index.html"

    def cells(self, name: str) -> list[str]:
        """Return the code of each cell of a page."""
        notebook = jupytext.read(self.root / "docs" / f"{name}.md")
        cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
        # Jupytext takes other languages that Jupyter knows for code too.
        return [source for source in cells if not source.startswith("%%")]

    def outputs(self, name: str) -> list[list[dict[str, Any]]]:
        """Return the outputs of each cell in Jupyter's format, as they lie in the cache."""
        for path in (self.root / ".cache").rglob("*.json"):
            content = json.loads(path.read_text(encoding="utf-8"))["content"]
            text = content[content.index("{") : content.rindex("}") + 1]
            notebook = nbformat.reads(text, as_version=4)
            cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
            if [cell.source for cell in cells] == self.cells(name):
                return [cell.outputs for cell in cells]
        raise LookupError(f"{name} is not in the cache")


def environment(root: Path, **variables: str) -> dict[str, str]:
    """Return an environment in which Python imports the package of `root`."""
    ours = {"PYTHONPATH": str(root), "NO_MKDOCS_2_WARNING": "1"}
    if data := os.environ.get("CNN_TUTORIAL_DATA"):
        ours["CNN_TUTORIAL_DATA"] = str(Path(data).absolute())  # the command runs elsewhere
    return os.environ | ours | variables


def run_module(root: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m` and what follows it in a folder; both of its streams are in `stdout`."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=root,
        env=environment(root, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )


def mkdocs_build(root: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `mkdocs build --strict` in a folder."""
    return run_module(root, "mkdocs", "build", "--strict", **variables)


def make_project(root: Path, pages: Mapping[str, str]) -> None:
    """Write a project that differs from this one in its pages only.

    Args:
        root: Folder to write into.
        pages: Markdown of each page, by its path in docs/.
    """
    ignored = shutil.ignore_patterns("__pycache__")
    for part in ("cnn_tutorial", "docs/hooks", "docs/overrides", "docs/assets"):
        shutil.copytree(ROOT / part, root / part, ignore=ignored)
    config = yaml_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    (root / "mkdocs.yml").write_text(json.dumps(config | {"nav": list(pages)}), encoding="utf-8")
    for name, text in pages.items():
        (root / "docs" / name).write_text(text, encoding="utf-8")


CACHE = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a cache folder of its own, in which nothing is cached; its workers share it."""
    if not hasattr(config, "workerinput"):
        # The list of fonts, which takes seconds to make, stays where Matplotlib has it.
        os.environ.setdefault("MPLCONFIGDIR", str(user_cache_path("matplotlib")))
        folder = config.stash[CACHE] = tempfile.mkdtemp(prefix="cache-")
        os.environ |= {"XDG_CACHE_HOME": folder, "IPYTHONDIR": folder}
        startup = Path(folder) / "profile_default" / "startup"  # what kernels run when they start
        startup.mkdir(parents=True)
        shutil.copy(ROOT / "tests/site/shape_comments.py", startup)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the cache folder."""
    if folder := config.stash.get(CACHE, None):
        shutil.rmtree(folder, ignore_errors=True)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Note with a test of many promises what they are."""
    if isinstance(item, pytest.Function) and "subtests" in item.fixturenames:
        promises = [promise.__name__ for promise in item.module.PROMISES]
        item.user_properties.append(("promises", promises))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which promises were not held, for want of a browser."""
    skipped = terminalreporter.getreports("skipped")
    missed = [report for report in skipped if "no browser" in str(report.longrepr)]
    untested = {report.nodeid.partition("[")[0]: report.user_properties for report in missed}
    if untested:
        terminalreporter.section("not tested, for want of a browser")
    for name, properties in untested.items():
        terminalreporter.line(name)
        for promise in dict(properties).get("promises", []):
            terminalreporter.line(f"    {promise}")


@contextmanager
def started(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Start a process; it, and what it started, end with the block, however that ends."""
    with subprocess.Popen(command, start_new_session=True, **options) as process:
        try:
            yield process
        finally:
            process.terminate()  # torchrun then ends its processes, which are in other groups
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            if sys.platform == "win32":  # where there are no groups
                process.kill()
            else:
                with suppress(ProcessLookupError):  # all have ended
                    os.killpg(process.pid, signal.SIGKILL)


def once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], str]
) -> tuple[Path, str]:
    """Make a folder once for all workers of a run.

    Args:
        factory: Pytest's own.
        name: Name of the folder.
        make: Fills the folder, and returns a text to be kept with it.

    Returns:
        The folder and the text.
    """
    base = factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    text = root.with_suffix(".txt")
    with FileLock(root.with_suffix(".lock")):
        if not text.exists():
            root.mkdir()
            text.write_text(make(root), encoding="utf-8")
    return root, text.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Build the site once for all workers, from a copy of its sources, with nothing cached."""

    def make(root: Path) -> str:
        ignored = shutil.ignore_patterns("__pycache__")
        for part in ("cnn_tutorial", "docs"):
            shutil.copytree(ROOT / part, root / part, ignore=ignored)
        # A page beside those of the site holds all that a page can, for the same tests.
        shutil.copy(ROOT / "tests/site/kinds.md", root / "docs")
        config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
        (root / "mkdocs.yml").write_text(f"{config}not_in_nav: kinds.md\n", encoding="utf-8")
        second = datetime.fromisoformat(f"{BUILT}T04:05:06Z").timestamp()
        build = mkdocs_build(root, SOURCE_DATE_EPOCH=f"{second:.0f}")
        assert build.returncode == 0, build.stdout
        return build.stdout

    # A name as people give one: with a space, and with a letter that is not in ASCII.
    root, log = once(tmp_path_factory, "Mein Übungsheft", make)
    return Site(root, root / "site", log)


# What follows is for the tests in a browser.


@pytest.fixture(scope="session")
def server(site: Site) -> Iterator["Host"]:
    """The site on this machine, as a common static host serves it."""
    from hosting import serve

    with serve(site.html) as host:
        yield host


@pytest.fixture(scope="session")
def address(server: "Host") -> str:
    """Where the site is served, with the slash at its end."""
    return server.address


@pytest.fixture(scope="session")
def stale(site: Site) -> Iterator["Host"]:
    """The site under a path, by a host that has the browser ask each time what has changed."""
    from hosting import serve

    with serve(site.html, "/some/path/", max_age=0) as host:
        yield host


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Chromium, without what it would ask of other hosts by itself."""
    from playwright.sync_api import sync_playwright

    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        missing = f"no browser: none of {', '.join(names)} is on the PATH"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=BROWSER)
        yield browser
        browser.close()


@pytest.fixture
def phone(browser: "Browser") -> Iterator["Page"]:
    """A page as wide as a narrow phone, that may use the clipboard."""
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, permissions=["clipboard-read", "clipboard-write"]
    )
    yield context.new_page()
    context.close()
