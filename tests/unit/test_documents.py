"""What documents and docstrings point to is there: pages, headings, sections, files. What is not built yet is not."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from unit.gateway.test_document import document

__all__ = ["document"]

ROOT = Path(__file__).parents[2]
SOURCES = ("services", "shared", "clients/agentwars", "clients/ai-sdk/src", "deploy", "tests", "bench")
POINTED = re.compile(r'docs/(?P<page>[a-z0-9/-]+\.md)(?:,\s+"(?P<heading>[^"]+)"|\s+sections?\s+(?P<section>\d+))?')
ELSEWHERE = re.compile(r"\b(?:spec|research)" + r"/[a-z-]+\.md")
LINK = re.compile(r"\]\((?P<file>[^)#\s:]*)(?:#(?P<anchor>[^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
PATH = re.compile(r"`(/[a-z0-9/{}.-]+)`")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def texts() -> Iterator[tuple[Path, str]]:
    for folder in SOURCES:
        for file in sorted((ROOT / folder).rglob("*.[pt][ys]*")):
            if not {"node_modules", ".venv", "__pycache__"} & set(file.parts) and file.suffix in (".py", ".ts", ".tsx"):
                yield file, file.read_text()


@cache
def headings(page: Path) -> tuple[str, ...]:
    return tuple(HEADING.findall(page.read_text()))


def anchor(heading: str) -> str:
    """As code hosts make them."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_what_docstrings_point_to_is_there() -> None:
    missing = []
    for file, text in texts():
        missing += [f"{file.relative_to(ROOT)}: {found[0]}" for found in ELSEWHERE.finditer(text)]
        for found in POINTED.finditer(re.sub(r"\n\s*(?:\* |# )?", " ", text)):
            page = ROOT / "docs" / found["page"]
            there = page.exists()
            if there and found["heading"]:
                there = any(one.startswith(found["heading"]) for one in headings(page))
            if there and found["section"]:
                there = any(one.startswith(f"{found['section']}. ") for one in headings(page))
            if not there:
                missing.append(f"{file.relative_to(ROOT)}: {found[0]}")
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    missing = []
    for found in LINK.finditer(page.read_text()):
        target = (page.parent / found["file"]).resolve() if found["file"] else page
        there = target.exists()
        if there and found["anchor"] and target.suffix == ".md":
            there = found["anchor"] in {anchor(one) for one in headings(target)}
        if not there:
            missing.append(found[0])
    assert missing == []


def test_the_readme_names_every_page() -> None:
    named = {found["file"].removeprefix("docs/") for found in LINK.finditer((ROOT / "README.md").read_text())}
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - named == set()


def test_what_the_contract_says_is_not_built_is_not(document: dict[str, Any]) -> None:
    """Whoever builds it takes it out of the list."""
    listed = (ROOT / "docs" / "api.md").read_text().partition("## Not built yet")[2]
    built = {re.sub(r"{[^}]+}", "{id}", path) for path in document["paths"]}
    found = [path for path in PATH.findall(listed) if path.startswith(("/api", "/metrics"))]
    assert len(found) > 5
    assert [path for path in found if path in built] == []
