"""The file of a recorded run (`.swrun`): a zip of a manifest and the members that it lists, nothing else.

The manifest has the format's version, who the run was, and the size and SHA-256 of each member. What is read
is hostile until every one of these has been checked; nothing is ever unpacked by its name in the zip.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

from sagewizard.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SUFFIX = ".swrun"
FORMAT = "sagewizard-recorded-run"
VERSION = 1
MANIFEST = "manifest.json"
MOST_FILE = 32 << 20
"""Bytes that a file may have; the shipped ones have less than 300 kB."""
MOST_CONTENTS = 96 << 20
"""Bytes that all members may have when they are unpacked."""
MOST_MEMBERS = 16
_NAME = re.compile(r"(?:results/)?[a-z0-9][a-z0-9_-]{0,60}(?:\.[a-z0-9]{1,8}){1,2}")
# What zipfile raises for bytes that are no zip, or one that was changed.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, OSError,
    ValueError, IndexError, OverflowError,
)  # fmt: skip
# A zip of the same members has the same bytes on every day.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def pack(about: Mapping[str, Any], members: Mapping[str, bytes]) -> bytes:
    """Return the bytes of a file; the same arguments give the same bytes.

    UsageError when it grows too large.
    """
    import orjson

    total = sum(len(data) for data in members.values())
    if total > MOST_CONTENTS:
        raise UsageError(
            f"The recorded run would hold {total >> 20:,} MiB, and at most {MOST_CONTENTS >> 20} MiB fit.",
            remedy="Its log is too long to be taken along: export a shorter run.",
        )
    manifest = {
        "format": FORMAT,
        "format_version": VERSION,
        "run": dict(about),
        "members": [
            {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in sorted(members.items())
        ],
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in (
            (MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2)),
            *sorted(members.items()),
        ):
            if name != MANIFEST and not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} cannot be a member")
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type, entry.create_system, entry.external_attr = (
                zipfile.ZIP_DEFLATED,
                3,
                0o644 << 16,
            )
            archive.writestr(entry, data)
    return out.getvalue()


def unpack(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Read and check a file; return what the manifest says of the run, and the members by name.

    Raises UsageError, with the file and what is wrong with it, for one that is missing, no recorded run,
    damaged, cut short, too large, of a newer format, or with members that have no business in it.
    """
    data = _bytes(path)
    if not zipfile.is_zipfile(io.BytesIO(data)):
        if data[:4] == b"PK\x03\x04":
            raise _wrong(path, "is damaged: its end is missing", "Copy or download it again.")
        raise _wrong(path, "is no recorded run", "Make one with `sagewizard runs export RUN out.swrun`.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _checked(path, archive)
    except _BROKEN as error:
        raise _wrong(path, f"is damaged: {error}", "Copy or download it again.") from error


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_FILE + 1)
    except OSError as error:
        raise UsageError(
            f"The recorded run cannot be read: {error.strerror}.", where=str(path),
            remedy="Give the path of a .swrun file.",
        ) from error  # fmt: skip
    if len(data) > MOST_FILE:
        raise _wrong(path, f"is larger than {MOST_FILE >> 20} MiB", "A recorded run is smaller than that.")
    return data


def _checked(path: Path, archive: zipfile.ZipFile) -> tuple[dict[str, Any], dict[str, bytes]]:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if MANIFEST not in names:
        raise _wrong(
            path, "is no recorded run: it has no manifest", "Make one with `sagewizard runs export`."
        )
    # Before anything else: what a newer version writes may look different in every other way.
    first = next(entry for entry in entries if entry.filename == MANIFEST)
    manifest = _manifest(path, _member(path, archive, first, 1 << 20))
    again = "Get the file again from where it came."
    if len(entries) > MOST_MEMBERS:
        raise _wrong(path, f"holds {len(entries):,} members, and at most {MOST_MEMBERS} are known", again)
    if len(set(names)) != len(names):
        raise _wrong(path, "holds two members of the same name", again)
    listed = _listed(path, manifest)
    for name in names:
        if name != MANIFEST and name not in listed:
            raise _wrong(path, f"holds {name[:80]!r}, which its manifest does not list", again)
    if sum(size for size, _digest in listed.values()) > MOST_CONTENTS:
        raise _wrong(path, f"would unpack to more than {MOST_CONTENTS >> 20} MiB", again)
    members = {}
    for name, (size, digest) in listed.items():
        if name not in names:
            raise _wrong(path, f"is damaged: {name} is missing", again)
        content = _member(path, archive, archive.getinfo(name), size)
        if len(content) != size or hashlib.sha256(content).hexdigest() != digest:
            raise _wrong(path, f"is damaged: {name} is not what its manifest says", again)
        members[name] = content
    return dict(manifest["run"]), members


def _member(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """Unpack at most `most` bytes, whatever size the zip claims."""
    if entry.flag_bits & 0x1:
        raise _wrong(path, "is encrypted", "A recorded run never is: export it again.")
    if entry.compress_type not in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        raise _wrong(path, "is packed in a way that recorded runs never are", "Export it again.")
    with archive.open(entry) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise _wrong(path, f"unpacks {entry.filename[:80]!r} to more than it says", "Do not trust this file.")
    return content


def _manifest(path: Path, content: bytes) -> dict[str, Any]:
    import orjson

    try:
        manifest = orjson.loads(content)
        if manifest["format"] != FORMAT:
            raise ValueError("it is of another program")
        version = manifest["format_version"]
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            raise ValueError("its version is no number")
        if version > VERSION:
            raise _wrong(
                path, f"is of format {version}, and this version reads up to {VERSION}", "Update sagewizard."
            )
        if not isinstance(manifest["run"], dict) or not isinstance(manifest["members"], list):
            raise TypeError("its parts are of the wrong kind")
    except (orjson.JSONDecodeError, ValueError, KeyError, TypeError) as error:
        raise _wrong(
            path, f"is no recorded run: its manifest cannot be read ({error})", "Get the file again."
        ) from error
    return dict(manifest)


def _listed(path: Path, manifest: dict[str, Any]) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    for entry in manifest["members"]:
        try:
            name, size, digest = str(entry["name"]), entry["size"], str(entry["sha256"])
            whole = isinstance(size, int) and not isinstance(size, bool) and size >= 0
        except (KeyError, TypeError) as error:
            raise _wrong(path, "is damaged: its manifest is not whole", "Get the file again.") from error
        if not whole or not _NAME.fullmatch(name) or name in found:
            raise _wrong(
                path,
                f"lists {name[:80]!r}, which cannot be part of a recorded run",
                "Do not trust this file.",
            )
        found[name] = (size, digest)
    return found


def _wrong(path: Path, what: str, remedy: str) -> UsageError:
    return UsageError(f"The file {what}.", where=str(path), remedy=remedy)
