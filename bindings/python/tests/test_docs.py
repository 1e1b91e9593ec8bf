"""Everything that the documentation shows runs: the guide, the README and the examples in docstrings."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pathlib
import pkgutil
import re

import pytest

import jump
from conftest import ROOT, Site

BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
GUIDE = ROOT / "docs" / "python.md"


def blocks(path: pathlib.Path) -> list[str]:
    return BLOCK.findall(path.read_text())


@pytest.mark.parametrize("number", range(len(blocks(GUIDE))))
async def test_the_guide(number: int, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUMP_HOME", str(site.home))
    text = blocks(GUIDE)[number]
    if "asyncio.run" in text or "jump.sync" in text:
        # A program of its own.
        import asyncio

        await asyncio.to_thread(exec, compile(text, f"{GUIDE.name}, example {number}", "exec"), {})
        return
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(text, f"{GUIDE.name}, example {number}", "exec", flags=flags)
    async with jump.connect() as rep:
        running = eval(code, {"jump": jump, "rep": rep})
        if inspect.iscoroutine(running):
            await running


@pytest.mark.parametrize("path", ["bindings/python/README.md", "README.md"])
def test_the_readmes(path: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUMP_HOME", str(site.home))
    found = blocks(ROOT / path)
    assert found
    for text in found:
        exec(compile(text, path, "exec"), {})


def test_the_table_of_errors_is_complete() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (\d+) \| (?:`(\w+)`)? ?\|$", GUIDE.read_text(), re.M)
    classes = {number: one for number, one in jump._errors.BY_NUMBER.items()}
    assert [int(number) for _, _, number, _ in rows] == sorted(classes)
    for name, kind, number, also in rows:
        one = classes[int(number)]
        assert (one.__name__, one.kind) == (name, kind)
        if also:
            assert also in {base.__name__ for base in one.__mro__}


def modules() -> list[str]:
    found = pkgutil.walk_packages(jump.__path__, "jump.")
    return ["jump", *(one.name for one in found if one.name != "jump._jump")]


@pytest.mark.parametrize("name", modules())
def test_docstrings(name: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUMP_HOME", str(site.home))
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


def test_there_are_examples_in_docstrings() -> None:
    finder = doctest.DocTestFinder()
    examples = [
        test
        for name in modules()
        for test in finder.find(importlib.import_module(name))
        if test.examples
    ]
    assert len(examples) >= 12, [test.name for test in examples]
