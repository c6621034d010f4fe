"""What the serving programs of the first-party images share: four request formats and four reply formats."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from sagewizard.data import recordio
from sagewizard.sandbox.containers import payloads, serving
from sagewizard.sandbox.containers.serving import Reply, error_reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

REPLY_TYPES = (payloads.JSON, payloads.JSONLINES, payloads.RECORDIO, payloads.CSV)


class Predictor(Protocol):
    """A trained model: `width` features in, named columns (n,) or (n, k) out."""

    @property
    def width(self) -> int:
        """How many features a row must have."""
        ...

    def predict(self, features: Any) -> dict[str, NDArray[Any]]:
        """Return the columns of the reply for features (n, d) float32, an array or a CSR matrix."""
        ...


class FirstPartyApplication:
    """Answers requests in the formats of the first-party images; it never changes, so threads need no lock.

    `key` names the list of a JSON reply, `first` the column that a CSV reply begins with.
    """

    def __init__(self, model: Predictor, key: str, *, batch: bool = False, first: str = "") -> None:
        self.model, self.key, self.batch, self.first = model, key, batch, first

    def ping(self) -> bool:
        """Answer that the model is loaded."""
        return True

    def execution_parameters(self) -> Mapping[str, Any]:
        """Tell batch transform how to call: one request a core, many records in each."""
        return serving.many_records_a_request(serving.DEFAULT_LENGTH)

    def invoke(self, body: bytes, content_type: str, accept: str) -> Reply:
        """Predict for the rows of a request."""
        reply_type = choose_reply_type(accept)
        if reply_type is None:
            return error_reply(
                406, f"Accept type {accept} is not supported. Use one of {', '.join(REPLY_TYPES)}."
            )
        if not body:
            return error_reply(
                400, "Customer Error: The request body is empty. Please fix the input and try again."
            )
        try:
            features = payloads.decode_features(body, content_type, self.model.width)
        except payloads.UnsupportedContentTypeError:
            types = ", ".join(payloads.REQUEST_TYPES)
            shown = content_type or "none"
            return error_reply(
                415, f"Customer Error: Content type {shown} is not supported. Use one of {types}."
            )
        except payloads.PayloadError as error:
            return error_reply(
                400,
                "Customer Error: Unable to decode payload: Incorrect data format. (caused by ValueError)\n\n"
                f"Caused by: {error}",
            )
        if features.shape[1] != self.model.width:
            return error_reply(
                400,
                f"Customer Error: The feature dimension of the input: {features.shape[1]} does not match the "
                f"feature dimension of the model: {self.model.width}. Please fix the input and try again.",
            )
        return self._reply(self.model.predict(features), reply_type)

    def _reply(self, columns: dict[str, NDArray[Any]], reply_type: str) -> Reply:
        if reply_type == payloads.RECORDIO:
            return Reply(200, reply_type, recordio.encode_predictions(columns))
        end = "\n" if self.batch else ""
        if reply_type == payloads.CSV:
            columns = dict(sorted(columns.items(), key=lambda column: column[0] != self.first))
        rows = list(zip(*(values.tolist() for values in columns.values()), strict=True))
        if reply_type == payloads.CSV:
            text = "\n".join(_csv_line(row) for row in rows) + end
            return Reply(200, "text/csv; charset=utf-8", text.encode())
        predictions = [dict(zip(columns, row, strict=True)) for row in rows]
        if reply_type == payloads.JSON:
            return Reply(200, reply_type, json.dumps({self.key: predictions}).encode())
        return Reply(200, reply_type, ("\n".join(map(json.dumps, predictions)) + end).encode())


def _csv_line(row: Sequence[Any]) -> str:
    values = [value for part in row for value in (part if isinstance(part, list) else [part])]
    return ",".join(map(str, values))


def choose_reply_type(accept: str) -> str | None:
    """Return the first of the accepted types that can be written, JSON when anything will do, else None."""
    for part in accept.split(","):
        media = payloads.media_type(part)
        if media in ("", "*/*", "application/*"):
            return payloads.JSON
        if media in REPLY_TYPES:
            return media
    return None
