"""The names that the reference offers: each has its shapes, types and errors, and an example."""

import doctest
import importlib
import inspect
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/reference/names.md"
NAMES = re.findall(r"\]\[cnn_tutorial\.([\w.]+)\.(\w+)\]", PAGE.read_text())


def test_the_page_names_each_once() -> None:
    assert len(NAMES) == len(set(NAMES)) > 20
    shown = re.findall(r"\[`([\w.]+)\.(\w+)`\]", PAGE.read_text())
    assert shown == NAMES


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_a_name_is_explained(module: str, name: str) -> None:
    thing = getattr(importlib.import_module(f"cnn_tutorial.{module}"), name)
    assert thing.__module__ == f"cnn_tutorial.{module}"
    text = inspect.getdoc(thing) or ""
    assert re.match(r".+\.$", text.split("\n")[0])
    if inspect.isclass(thing):
        assert inspect.get_annotations(thing) or inspect.signature(thing.__init__).parameters
        return
    signature = inspect.signature(thing)
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty
        if "Args:" in text:
            assert re.search(rf"^    {parameter.name}: ", text, re.MULTILINE), parameter


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_an_example_runs(
    module: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone, as one who copies it has it: with nothing imported but what it imports."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cnn_tutorial.cache.user_cache_path", lambda *_: tmp_path)
    thing = getattr(importlib.import_module(f"cnn_tutorial.{module}"), name)
    text = inspect.getdoc(thing) or ""
    examples = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    assert examples.examples
    assert f"from cnn_tutorial.{module} import " in text
    outcome = doctest.DocTestRunner().run(examples)
    assert outcome.failed == 0
