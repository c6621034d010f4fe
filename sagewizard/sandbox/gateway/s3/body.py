"""An object's bytes on their way in: aws-chunked decoding and all checksums in one pass."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from typing import TYPE_CHECKING, Any, Protocol

from sagewizard.sandbox.gateway.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sagewizard.sandbox.gateway.s3.wire import Call
    from sagewizard.sandbox.store.uploads import Part

LARGEST_PUT = 5 << 30
_PREFIX = "x-amz-checksum-"
_LONGEST_LINE = 16 << 10
# What S3 knows; the standard library computes those in _VERIFIED, the others are kept as they were sent.
ALGORITHMS = ("crc32", "crc32c", "crc64nvme", "sha1", "sha256")
_VERIFIED = ("crc32", "sha1", "sha256")


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


def digest_for(algorithm: str) -> _Digest:
    """Make a running checksum; the algorithm is one of `_VERIFIED`."""
    return _Crc32() if algorithm == "crc32" else hashlib.new(algorithm, usedforsecurity=False)


class Body:
    """The decoded body of a PUT; reading its end checks length, MD5, SHA-256 and checksums, raising AwsError.

    So a store that reads to the end before it names anything never keeps a damaged object. `checksums`
    is filled at the end: base64 by algorithm. Chunk signatures of STREAMING-AWS4-HMAC-SHA256-PAYLOAD are
    not recomputed; such clients send a checksum or an MD5 besides.
    """

    def __init__(self, call: Call) -> None:
        headers = call.headers
        self._stream = call.request.environ["wsgi.input"]
        self._chunked = (call.payload or "").startswith("STREAMING-") or "aws-chunked" in headers.get(
            "content-encoding", ""
        )
        self._in_chunks = headers.get("transfer-encoding", "").lower() == "chunked"
        self._expected_size = self._find_size(headers)
        self._size = 0
        self._left = 0
        self._ended = False
        self.checksums: dict[str, str] = {}
        self._declared = {
            name.removeprefix(_PREFIX): value
            for name, value in headers.items()
            if name.removeprefix(_PREFIX) in ALGORITHMS and name.startswith(_PREFIX)
        }
        wanted = set(self._declared)
        asked = headers.get("x-amz-sdk-checksum-algorithm") or headers.get("x-amz-checksum-algorithm", "")
        wanted.add(asked.lower())
        wanted.add(headers.get("x-amz-trailer", "").strip().lower().removeprefix(_PREFIX))
        self._digests = {name: digest_for(name) for name in _VERIFIED if name in wanted}
        self._payload = call.payload or ""
        self._sha256 = hashlib.sha256() if len(self._payload) == 64 else None
        if self._sha256 is not None and "sha256" in self._digests:
            self._digests["sha256"] = self._sha256
        self._md5, self._given_md5 = None, headers.get("content-md5", "")
        if self._given_md5:
            if len(_decoded(self._given_md5)) != 16:
                raise AwsError("InvalidDigest", "The Content-MD5 you specified was invalid.")
            self._md5 = hashlib.md5(usedforsecurity=False)
        every = (*self._digests.values(), self._sha256, self._md5)
        self._running: list[_Digest] = list({id(digest): digest for digest in every if digest}.values())

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes of the object, none at its end."""
        if self._ended:
            return b""
        block: bytes = self._read_chunked(size) if self._chunked else self._stream.read(size)
        if not block:
            self._ended = True
            self._check()
            return b""
        self._size += len(block)
        if self._size > LARGEST_PUT:
            raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
        for digest in self._running:
            digest.update(block)
        return block

    def _find_size(self, headers: dict[str, str]) -> int | None:
        text = headers.get("x-amz-decoded-content-length" if self._chunked else "content-length", "")
        if not text and not self._in_chunks:
            raise AwsError("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
        if text and not text.isdecimal():
            raise AwsError("InvalidArgument", "Invalid content length")
        size = int(text) if text else None
        if size is not None and size > LARGEST_PUT:
            fields = {"ProposedSize": text, "MaxSizeAllowed": str(LARGEST_PUT)}
            text = "Your proposed upload exceeds the maximum allowed size"
            raise AwsError("EntityTooLarge", text, fields=fields)
        return size

    def _read_chunked(self, size: int) -> bytes:
        if not self._left:
            line = self._line().partition(b";")[0]
            try:
                self._left = int(line, 16)
            except ValueError:
                raise _incomplete() from None
            if self._left <= 0:
                self._read_trailers()
                return b""
        block: bytes = self._stream.read(min(size, self._left))
        if not block:
            raise _incomplete()
        self._left -= len(block)
        if not self._left and self._line():
            raise _incomplete()
        return block

    def _read_trailers(self) -> None:
        while line := self._line(at_end=True):
            name, _, value = line.decode("latin-1").partition(":")
            name = name.strip().lower()
            if name.startswith(_PREFIX) and name.removeprefix(_PREFIX) in ALGORITHMS:
                self._declared[name.removeprefix(_PREFIX)] = value.strip()

    def _bytewise(self) -> bytes:
        """Read a line of a body that comes in HTTP chunks; cheroot's own readline never ends there."""
        line = bytearray()
        while len(line) < _LONGEST_LINE and (byte := self._stream.read(1)):
            line += byte
            if byte == b"\n":
                break
        return bytes(line)

    def _line(self, *, at_end: bool = False) -> bytes:
        line = self._bytewise() if self._in_chunks else self._stream.readline(_LONGEST_LINE)
        if not line.endswith(b"\n") and not (at_end and not line):
            raise _incomplete()
        return line.rstrip(b"\r\n")

    def _check(self) -> None:
        if self._expected_size is not None and self._size != self._expected_size:
            raise _incomplete()
        if self._md5 is not None and self._md5.digest() != _decoded(self._given_md5):
            raise AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.")
        if self._sha256 is not None and self._sha256.hexdigest() != self._payload.lower():
            raise AwsError(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )
        for algorithm, digest in self._digests.items():
            computed = base64.b64encode(digest.digest()).decode()
            declared = self._declared.get(algorithm, computed)
            if declared != computed:
                name = algorithm.upper()
                raise AwsError(
                    "BadDigest", f"The {name} you specified did not match the calculated checksum."
                )
            self.checksums[algorithm] = computed
        for algorithm, declared in self._declared.items():
            self.checksums.setdefault(algorithm, declared)


def joined_checksums(
    algorithm: str, kind: str, parts: Sequence[Part], path: Path, declared: dict[str, str]
) -> dict[str, str]:
    """Return the checksum of an object that came up in parts, base64 by algorithm; raises AwsError BadDigest.

    COMPOSITE is the checksum of the parts' checksums and `-<parts>`; FULL_OBJECT is that of the bytes,
    read once from the page cache (6 GB/s for CRC-32).
    """
    if not algorithm:
        return {}
    if kind == "FULL_OBJECT":
        if algorithm not in _VERIFIED:
            return {algorithm: declared[algorithm]} if algorithm in declared else {}
        digest = digest_for(algorithm)
        with path.open("rb", buffering=0) as file:
            while block := file.read(1 << 20):
                digest.update(block)
        value = base64.b64encode(digest.digest()).decode()
    else:
        sums = [part.checksums.get(algorithm, "") for part in parts]
        if algorithm not in _VERIFIED or not all(sums):
            return {}
        digest = digest_for(algorithm)
        digest.update(b"".join(map(_decoded, sums)))
        value = f"{base64.b64encode(digest.digest()).decode()}-{len(parts)}"
    if declared.get(algorithm, value).partition("-")[0] != value.partition("-")[0]:
        raise AwsError(
            "BadDigest", f"The {algorithm.upper()} you specified did not match the calculated checksum."
        )
    return {algorithm: value}


def declared_checksums(values: dict[str, Any]) -> dict[str, str]:
    """Pick the `x-amz-checksum-<algorithm>` headers."""
    return {name: values[_PREFIX + name] for name in ALGORITHMS if _PREFIX + name in values}


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _incomplete() -> AwsError:
    text = "You did not provide the number of bytes specified by the Content-Length HTTP header"
    return AwsError("IncompleteBody", text)
