"""The forms a report is exported in, one file a form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.exports.html import CONTENT_SECURITY_POLICY, html
from gateway.exports.junit import junit
from gateway.exports.markdown import markdown
from gateway.exports.rows import csv, json_lines
from shared.contracts.reports import Report


@dataclass(frozen=True, slots=True)
class Export:
    """How a report is written in one form, and what its answer says of itself."""

    render: Callable[[Report], str]
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    extension: str | None = None


EXPORTS: Final = {
    "md": Export(markdown, "text/markdown"),
    "html": Export(html, "text/html", {"Content-Security-Policy": CONTENT_SECURITY_POLICY}),
    "csv": Export(csv, "text/csv"),
    "jsonl": Export(json_lines, "application/x-ndjson"),
    "junit": Export(junit, "application/xml", extension="xml"),
}
