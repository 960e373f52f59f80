"""The store that is nobody's is met where objects are made and where health is asked for, and nowhere else.

import-linter holds it for what is imported; this for what an app carries around.
"""

import ast
from pathlib import Path

import gateway

PACKAGE = Path(gateway.__file__).parent
MADE_IN = PACKAGE / "app.py"


def test_no_module_takes_the_store_from_the_app() -> None:
    modules = [module for module in PACKAGE.rglob("*.py") if module != MADE_IN]
    assert len(modules) > 100
    found = [
        f"{module.relative_to(PACKAGE)}:{node.lineno}"
        for module in modules
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "store"
    ]
    assert found == []
