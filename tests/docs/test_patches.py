"""The list of what we patch names each patch, and each private name of others that we use."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/decisions/0004-patches.md").read_text()
FILES = sorted((ROOT / "django_ops").rglob("*.py"))
PATCH = re.compile(r'\bpatch\(([\w.]+), "(\w+)", ')
#: Private by their looks only: Django, Python and namedtuples document them.
PUBLIC = {"_meta", "_replace", "_exit", "_value_"}


def names_of_ours(tree: ast.AST) -> Iterator[str]:
    """Yield what a module defines: functions, variables, and attributes that it sets on `self`."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Attribute(attr=name, ctx=ast.Store(), value=ast.Name(id="self")):
                yield name


def test_page__names_every_patch():
    found = [f"{owner}.{name}" for file in FILES for owner, name in PATCH.findall(file.read_text())]
    assert len(found) >= 5
    assert [patched for patched in found if f"{patched}`" not in PAGE] == []


def test_page__names_every_private_name_of_others():
    trees = [ast.parse(file.read_text()) for file in FILES]
    ours = {name for tree in trees for name in names_of_ours(tree)} | PUBLIC
    used = {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    foreign = {name for name in used - ours if name.startswith("_") and not name.endswith("__")}
    assert len(foreign) > 10
    assert sorted(name for name in foreign if not re.search(rf"\b{name}`", PAGE)) == []
