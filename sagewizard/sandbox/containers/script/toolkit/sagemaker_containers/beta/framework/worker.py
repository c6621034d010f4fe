"""The answer that output_fn may return instead of a body and its content type."""

from __future__ import annotations


class Response:
    """A body with its media type; `accept` goes before `mimetype`, as in the container library."""

    def __init__(
        self,
        response: str | bytes | None = None,
        accept: str | None = None,
        status: int = 200,
        mimetype: str | None = None,
    ) -> None:
        self.response, self.status_code = response, status
        self.mimetype = accept or mimetype or "application/json"

    def get_data(self) -> bytes:
        """Return the body."""
        return self.response.encode() if isinstance(self.response, str) else self.response or b""
