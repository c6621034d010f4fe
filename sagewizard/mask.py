"""Takes secrets out of what is shown, journaled or exported, and cuts what is too long to look at.

Three nets, one behind the other: fields whose name says that they hold a secret, strings that look like an
AWS access key or a signature, and the literal secrets of the target in use.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

MASK = "***"
MAX_TEXT = 2_000
MAX_ITEMS = 50
MAX_DEPTH = 12

_SECRET_NAME = re.compile(
    r"secret|password|passwd|passphrase|token|credential|authorization|signature|private_?key|"
    r"api_?key|access_?key|session_?key",
    re.IGNORECASE,
)
# Continuation tokens of list calls, and names that only sound secret.
_HARMLESS_NAME = re.compile(
    r"^(next(forward|backward)?token|(next)?continuationtoken|clientrequesttoken|clienttoken|marker|"
    r"tokenizer.*|.*_token_count)$",
    re.IGNORECASE,
)
_PATTERNS = (
    # Access key ids and temporary ones.
    (re.compile(r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}\b"), MASK),
    # Signed URLs and Authorization headers.
    (re.compile(r"(?i)(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s\"']+"), rf"\1{MASK}"),
    (re.compile(r"(?i)(Signature=)[0-9a-f]{32,}"), rf"\1{MASK}"),
    (re.compile(r"(?i)((?:aws_?)?(?:secret|session)_?(?:access_?key|token|key)?\s*[=:]\s*)[\"']?[^\s\"',}]+"),
     rf"\1{MASK}"),
    (re.compile(r"(?i)(\b(?:password|passwd|token|api_?key)\s*[=:]\s*)[\"']?[^\s\"',}]+"), rf"\1{MASK}"),
    (re.compile(r"(?i)(://[^/\s:@]+:)[^/\s@]+(@)"), rf"\1{MASK}\2"),
)  # fmt: skip


def mask_text(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text without anything that looks like a secret, and without the given secrets."""
    for secret in secrets:
        if len(secret) >= 6:
            text = text.replace(secret, MASK)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def mask(value: Any, secrets: Iterable[str] = (), *, cut: bool = True) -> Any:
    """Return a JSON-ready copy of a request or an answer without secrets.

    Bytes become their text when they are UTF-8, else their length in words. With `cut`, texts over
    2,000 characters and lists over 50 items are shortened and say by how much.
    """
    return _walk(value, tuple(secrets), cut, 0)


def _walk(value: Any, secrets: tuple[str, ...], cut: bool, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth > MAX_DEPTH:
        return "..."
    if isinstance(value, bytes | bytearray):
        try:
            value = bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            return f"<{len(value):,} bytes>"
    if isinstance(value, str):
        text = mask_text(value if not cut or len(value) <= MAX_TEXT * 4 else value[: MAX_TEXT * 4], secrets)
        if cut and len(value) > MAX_TEXT:
            return f"{text[:MAX_TEXT]}... ({len(value) - MAX_TEXT:,} more characters)"
        return text
    if isinstance(value, Mapping):
        return {
            str(key): MASK if _is_secret(str(key), item) else _walk(item, secrets, cut, depth + 1)
            for key, item in value.items()
            if key != "ResponseMetadata"
        }
    if isinstance(value, list | tuple | set | frozenset):
        items = list(value)
        shown = [_walk(item, secrets, cut, depth + 1) for item in (items[:MAX_ITEMS] if cut else items)]
        if cut and len(items) > MAX_ITEMS:
            shown.append(f"... ({len(items) - MAX_ITEMS:,} more)")
        return shown
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return f"<{type(value).__name__}>"


def _is_secret(name: str, value: Any) -> bool:
    if isinstance(value, Mapping | list | tuple | bool) or value is None:
        return False
    return bool(_SECRET_NAME.search(name)) and not _HARMLESS_NAME.match(name)
