"""Parts of a message that a model would have to see or hear: it would answer blind, so they are refused. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

KINDS: Final = {
    "image": "a picture",
    "image_url": "a picture",
    "input_image": "a picture",
    "audio": "a sound",
    "input_audio": "a sound",
    "video": "a film",
    "video_url": "a film",
    "input_video": "a film",
    "input_file": "a document",
}
"""Parts by their type, in the words of OpenAI's and other clients."""
MEDIA: Final = {
    "image/": "a picture",
    "audio/": "a sound",
    "video/": "a film",
    "application/pdf": "a document",
}
"""Files by what their media type begins with. Any other file is named to the model, not shown."""


def media_of(part: Mapping[str, Any]) -> str | None:
    """What the part shows that no model is shown here, in a word; None for any other part."""
    kind = part.get("type")
    if not isinstance(kind, str):
        return None
    if kind != "file":
        return KINDS.get(kind)
    if isinstance(part.get("file"), dict):
        return "a document"
    named = (found.lower() for found in _media_types(part))
    return next((word for found in named for start, word in MEDIA.items() if found.startswith(start)), None)


def attachments(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    """AI SDK 4's attachments, as the parts they are from AI SDK 5 on."""
    found = raw.get("experimental_attachments")
    if not isinstance(found, list):
        return []
    names = {"name": "filename", "contentType": "mediaType", "url": "url"}
    return [
        {"type": "file"} | {names[name]: value for name, value in one.items() if name in names}
        for one in found
        if isinstance(one, dict)
    ]


def _media_types(part: Mapping[str, Any]) -> Iterator[str]:
    """What the part says of its media type, in whichever of its fields."""
    for name in ("mediaType", "mimeType"):
        if isinstance(said := part.get(name), str):
            yield said
    for name in ("url", "data"):
        if isinstance(said := part.get(name), str) and said.startswith("data:"):
            yield said[len("data:") :][:100]
