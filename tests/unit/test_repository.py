"""The files beside the code: they parse, agree with each other, and name what there is."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from conftest import EXECUTED, ROOT
from mkdocs.utils.meta import get_data
from mkdocs.utils.yaml import yaml_load
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
TEXTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")]
MATERIAL = re.compile(r"\bmd-|[Mm]aterial(?!s)|#only-|document\$")
PAGES = [*(ROOT / "docs" / f"{name}.md" for name in EXECUTED), ROOT / "tests/site/template.md"]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = yaml_load(workflow.read_text(encoding="utf-8"))["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def pins() -> dict[str, str]:
    """Return the versions of the hosted build, by name."""
    found = re.findall(r"^([\w.-]+)(?:\[.*?\])?==(\S+)", read(".ci/requirements.txt"), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def test_the_version_is_one() -> None:
    [newest, *_] = re.findall(r"^## (\S+)", read("CHANGELOG.md"), re.MULTILINE)
    assert PROJECT["version"] == newest == yaml_load(read("CITATION.cff"))["version"]
    assert f"version = {{{newest}}}" in read("README.md")


def test_who_is_cited_holds_the_licence() -> None:
    citation = yaml_load(read("CITATION.cff"))
    [author] = citation["authors"]
    assert re.search(r"Copyright \(c\) \d+ (.+)", read("LICENSE"))[1] == author["name"]  # type: ignore[index]
    assert citation["license"] == PROJECT["license"]
    assert {"cff-version", "message", "title"} <= citation.keys()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_has_few_rights_and_names_what_there_is(path: Path) -> None:
    workflow = yaml_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert "concurrency" in workflow
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
    for step in steps(path):
        assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1")), "not pinned"
        # What a pull request or a branch is called must not become a part of a command.
        assert "github." not in step.get("run", "").replace(".github.io", "")
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"(?<![\w/])(\.ci/[\w.]+|cnn_tutorial/[\w./]+|tests/[\w./]+)", text)
    assert named
    for name in named:
        assert (ROOT / name).exists(), name


def test_only_the_job_that_runs_nothing_of_others_may_write() -> None:
    text = read(".github/workflows/publish.yml")
    jobs = yaml_load(text)["jobs"]
    writing = {name for name, job in jobs.items() if "write" in job.get("permissions", {}).values()}
    assert writing == {"publish"}
    commands = [step["run"] for step in jobs["publish"]["steps"] if "run" in step]
    assert commands == [".ci/publish site"]
    assert not re.search(r"\b(?:pip|python|npm)\b", read(".ci/publish"))


def test_forms_of_issues_ask_something() -> None:
    asked = [yaml_load(form.read_text(encoding="utf-8")) for form in FORMS]
    forms = [form for form in asked if "body" in form]
    assert len(forms) >= 2
    for form in forms:
        assert {"name", "description"} <= form.keys()
        ids = [field["id"] for field in form["body"]]
        assert len(ids) == len(set(ids))
        assert any(field.get("validations", {}).get("required") for field in form["body"])


def test_the_checks_before_a_commit_are_there() -> None:
    hooks = [
        (repository, hook)
        for repository in yaml_load(read(".pre-commit-config.yaml"))["repos"]
        for hook in repository["hooks"]
    ]
    for repository, hook in hooks:
        if repository["repo"] == "local":
            for name in re.findall(r"tests/\S+", hook["entry"]):
                assert (ROOT / name).is_file(), name
        else:
            assert re.fullmatch(r"v[\d.]+", repository["rev"])
    [ruff] = {repository["rev"] for repository, hook in hooks if hook["id"].startswith("ruff")}
    wanted = PROJECT["optional-dependencies"]["docs"]
    [ours] = [Requirement(line) for line in wanted if line.startswith("ruff")]
    assert ours.specifier.contains(ruff.removeprefix("v"))


def test_the_hosted_build_is_pinned_by_hashes() -> None:
    text = read(".ci/requirements.txt")
    blocks = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE | re.IGNORECASE)[1:]
    assert len(blocks) > 50
    for block in blocks:
        assert re.match(r"\S+==\S+ ", block), block[:80]
        assert "--hash=sha256:" in block, block[:80]
    assert not re.search(r"https?:|--index|--extra|--find|file:", text)
    versions = pins()
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["docs"], "setuptools>=77"]
    for line in map(Requirement, wanted):
        assert line.specifier.contains(versions[canonicalize_name(line.name)]), line


def test_what_checks_the_scripts_is_pinned_and_looks_at_all_that_are_ours() -> None:
    package = json.loads(read("package.json"))
    assert package["private"]
    assert not package.get("dependencies")
    for version in package["devDependencies"].values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert "npm run --silent check" in read(".ci/run")
    scripts = "docs/assets/scripts/*.js"
    others = "docs/assets/scripts/iframe-worker.js"
    assert json.loads(read("biome.json"))["files"]["includes"] == [scripts, f"!{others}"]
    types = json.loads(read("tsconfig.json"))
    assert (types["include"], types["exclude"]) == ([scripts], [others])
    assert types["compilerOptions"]["checkJs"]
    found = [path.relative_to(ROOT) for path in (ROOT / "docs").rglob("*.*js")]
    assert {path.parent.as_posix() for path in found} == {"docs/assets/scripts"}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_links_lead_to_files(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert links or path.stem == "SECURITY"
    for link in links:
        place, _, anchor = link.partition("#")
        if "//" in link:
            continue
        assert not place or (ROOT / place).exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.+)$", read(place or path.name), re.MULTILINE)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, link


def test_every_place_that_knows_material_is_named() -> None:
    table = read("CONTRIBUTING.md").partition("## After MkDocs and Material")[2]
    named: set[str] = set()
    for cell in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE):
        [first, *others] = re.findall("`(.+?)`", cell)
        named |= {first, *(f"{first.rpartition('/')[0]}/{other}" for other in others)}
    assert len(named) > 8
    for name in named:
        assert (ROOT / name).exists(), name
    folders = tuple(name for name in named if name.endswith("/"))
    for path in [
        ROOT / "mkdocs.yml",
        *(ROOT / "docs").rglob("*.*"),
        *(ROOT / "tests").rglob("*.*"),
    ]:
        name = path.relative_to(ROOT).as_posix()
        if path.suffix not in {".yml", ".py", ".html", ".css", ".js", ".md"} or path == Path(
            __file__
        ):
            continue
        if MATERIAL.search(path.read_text(encoding="utf-8")):
            assert name in named or name.startswith(folders), f"{name} knows Material"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_page_is_as_short_as_contributing_says(path: Path) -> None:
    rule = read("CONTRIBUTING.md").replace("\n   ", " ")
    limits = re.search(r"At most ([\d,]+) words, .+? at most (\d+) lines of (\d+) ", rule)
    assert limits
    words, lines, width = (int(number.replace(",", "")) for number in limits.groups())
    text, front = get_data(path.read_text(encoding="utf-8"))
    assert front["description"]
    cell = re.compile(r"^```python(.*)\n((?s:.*?))^```$", re.MULTILINE)
    assert len(cell.sub("", text).split()) <= words
    cells = cell.findall(text)
    assert cells
    for tags, source in cells:
        code = [*filter(str.strip, source.splitlines())]
        if "fold" not in tags:
            assert max(map(len, code)) <= width, source
            assert len(code) <= lines, source
