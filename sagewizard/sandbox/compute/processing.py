"""Owns DataProcessing of batch transform: InputFilter, JoinSource and OutputFilter on CSV and JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sagewizard.sandbox.compute.jsonpath import JsonPath, JsonPathError

if TYPE_CHECKING:
    from collections.abc import Mapping

_FORMATS = {
    "text/csv": "csv",
    "application/json": "json",
    "application/jsonlines": "lines",
    "application/x-jsonlines": "lines",
}
INPUT_KEY, OUTPUT_KEY = "SageMakerInput", "SageMakerOutput"


class ProcessingError(ValueError):
    """A record, a reply or the request itself cannot be filtered or joined."""


class DataProcessor:
    """Filters what goes to the container, joins its reply to the input, filters the result.

    ProcessingError at once when the request's types do not allow it: filters need CSV, JSON or JSON lines,
    and a join needs the same type in and out and SplitType equal to AssembleWith.
    """

    def __init__(self, request: Mapping[str, Any]) -> None:
        processing = request.get("DataProcessing") or {}
        source, output = request["TransformInput"], request["TransformOutput"]
        content_type, accept = source.get("ContentType", ""), output.get("Accept", "")
        self._lines = source.get("SplitType", "None") == "Line"
        self._join = processing.get("JoinSource", "None") == "Input"
        try:
            self._input = JsonPath(processing.get("InputFilter") or "$")
            self._output = JsonPath(processing.get("OutputFilter") or "$")
        except JsonPathError as error:
            raise ProcessingError(str(error)) from None
        self.accept = accept or (content_type if self._join else "")
        self.filters_input = not self._input.identity
        self.changes_output = self._join or not self._output.identity
        if not (self.filters_input or self.changes_output):
            return
        self._in = _format(content_type, "ContentType") if self.filters_input or self._join else ""
        self._out = _format(self.accept or content_type, "Accept") if self.changes_output else ""
        if self._join and _kind(content_type) != _kind(self.accept):
            raise ProcessingError(
                "JoinSource needs the same ContentType and Accept,"
                f" and they are '{content_type}' and '{accept}'"
            )
        if self._join and source.get("SplitType", "None") != output.get("AssembleWith", "None"):
            raise ProcessingError("JoinSource needs the same SplitType and AssembleWith")
        try:
            if self._in == "csv":
                self._input.check_columns()
            if self._out == "csv":
                self._output.check_columns()
        except JsonPathError as error:
            raise ProcessingError(str(error)) from None

    def to_container(self, payload: bytes) -> bytes:
        """Apply the InputFilter to the records of one request."""
        if not self.filters_input:
            return payload
        try:
            if self._in == "csv":
                return b"\n".join(_columns(line, self._input) for line in _lines(payload))
            values = [self._input.apply(value) for value in self._values(payload, self._in)]
        except JsonPathError as error:
            raise ProcessingError(str(error)) from None
        return b"\n".join(_dump(value) for value in values)

    def from_container(self, payload: bytes, reply: bytes) -> bytes:
        """Join a reply to its request (before the InputFilter), apply the OutputFilter; one record a line."""
        if not self.changes_output:
            return reply
        try:
            result = self._csv(payload, reply) if self._out == "csv" else self._json(payload, reply)
        except JsonPathError as error:
            raise ProcessingError(str(error)) from None
        # The next reply is put behind this one as it is, so a line end that was there must stay.
        return result + b"\n" if reply.endswith(b"\n") and result else result

    def _csv(self, payload: bytes, reply: bytes) -> bytes:
        rows = _lines(reply)
        if self._join:
            records = _lines(payload)
            _same_number(records, rows)
            rows = [record + b"," + row for record, row in zip(records, rows, strict=True)]
        if not self._output.identity:
            rows = [_columns(row, self._output) for row in rows]
        return b"\n".join(rows)

    def _json(self, payload: bytes, reply: bytes) -> bytes:
        if not self._join:
            return b"\n".join(_dump(self._output.apply(value)) for value in self._values(reply, self._out))
        records = self._values(payload, self._in)
        results = (
            [_load(reply)] if len(records) == 1 and self._in == "json" else [_load(x) for x in _lines(reply)]
        )
        _same_number(records, results)
        joined = [_joined(record, result) for record, result in zip(records, results, strict=True)]
        return b"\n".join(_dump(self._output.apply(value)) for value in joined)

    def _values(self, data: bytes, kind: str) -> list[Any]:
        """Return the JSON values of a request or reply: one a line, or the whole as one."""
        if kind == "lines":
            return [_load(line) for line in _lines(data)]
        if self._lines:
            lines = _lines(data)
            try:
                return [_load(line) for line in lines]
            except ProcessingError:
                if len(lines) == 1:
                    raise
        return [_load(data)]


def _joined(record: Any, result: Any) -> dict[str, Any]:
    if isinstance(record, dict):
        return {**record, OUTPUT_KEY: result}
    return {INPUT_KEY: record, OUTPUT_KEY: result}


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _format(content_type: str, member: str) -> str:
    found = _FORMATS.get(_kind(content_type))
    if found is None:
        raise ProcessingError(
            f"DataProcessing works on text/csv, application/json and application/jsonlines; {member} is"
            f" '{content_type}'"
        )
    return found


def _same_number(records: list[Any], results: list[Any]) -> None:
    if len(records) != len(results):
        raise ProcessingError(
            f"{len(records)} records went to the container and {len(results)} came back,"
            " so they cannot be joined"
        )


def _lines(data: bytes) -> list[bytes]:
    """Cut into lines without their ends; blank ones are no records."""
    return [stripped for line in data.split(b"\n") if (stripped := line.removesuffix(b"\r")).strip()]


def _columns(line: bytes, path: JsonPath) -> bytes:
    fields = split_csv(line)
    return b",".join(fields[index] for index in path.columns(len(fields)))


def split_csv(line: bytes) -> list[bytes]:
    """Cut a CSV line into its fields as they are written, quotes included."""
    parts = line.split(b",")
    if b'"' not in line:
        return parts
    fields: list[bytes] = []
    pending: list[bytes] = []
    quotes = 0
    for part in parts:
        if pending or part.lstrip().startswith(b'"'):
            pending.append(part)
            quotes += part.count(b'"')
            if quotes % 2 == 0:
                fields.append(b",".join(pending))
                pending, quotes = [], 0
        else:
            fields.append(part)
    return [*fields, b",".join(pending)] if pending else fields


def _load(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ProcessingError(f"'{data[:40].decode('utf-8', 'replace')}' is not JSON ({error})") from None


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
