"""CloudWatch Logs for the groups under /aws/sagemaker/, from the jobs' log files; other groups are moto's."""

from __future__ import annotations

import base64
import binascii
import heapq
import json
import re
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

from werkzeug import Response

from sagewizard.sandbox.gateway import log_filter
from sagewizard.sandbox.gateway.errors import AwsError
from sagewizard.sandbox.store.logs import LogEvent, LogGroup, LogStore, LogStream, NoSuchGroup, NoSuchStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from werkzeug import Request

OWN_PREFIX = "/aws/sagemaker/"
_MOST_EVENTS = 10_000
_MOST_BYTES = 1 << 20
_EVENT_OVERHEAD = 26
_TOKEN = re.compile(r"([fb])/(\d{1,56})/s")
_GROUP_NAME = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
_STREAM_NAME = re.compile(r"[^:*]{1,512}")


class LogsFront:
    """The Logs API over a LogStore; operations it does not have answer an error that names them."""

    def __init__(self, logs: LogStore, account_id: str, moto: Callable[[Request], Response]) -> None:
        self._logs, self._account, self._moto = logs, account_id, moto

    def handle(self, request: Request) -> Response:
        """Answer a request of the Logs service. Raises AwsError."""
        operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        body = request.get_data(cache=True)
        request.environ["wsgi.input"].seek(0)
        try:
            asked = json.loads(body or b"{}")
        except ValueError:
            raise AwsError("SerializationException", "The request is not JSON.") from None
        if not isinstance(asked, dict):
            raise AwsError("SerializationException", "The request is not a JSON object.")
        region = request.environ["sagewizard.region"] or "us-east-1"
        if operation == "DescribeLogGroups":
            return self._describe_groups(request, asked, region)
        group = _group_of(asked)
        if not group.startswith(OWN_PREFIX):
            return self._moto(request)
        method = _OPERATIONS.get(operation)
        if method is None:
            raise AwsError(
                "UnknownOperationException",
                f"The sandbox does not have the operation {operation} for log groups under {OWN_PREFIX}.",
            )
        try:
            return _answer(method(self, group, asked, region))
        except NoSuchGroup:
            raise AwsError("ResourceNotFoundException", "The specified log group does not exist.") from None
        except NoSuchStream:
            raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.") from None

    # Groups

    def _describe_groups(self, request: Request, asked: dict[str, Any], region: str) -> Response:
        prefix, part = _text(asked, "logGroupNamePrefix"), _text(asked, "logGroupNamePattern")
        own = [
            self._group_fields(group, region)
            for group in self._logs.groups(prefix)
            if part.lower() in group.name.lower()
        ]
        found: list[dict[str, Any]] = own
        if not prefix.startswith(OWN_PREFIX):
            found = sorted(
                own + self._moto_groups(request, asked), key=lambda group: str(group["logGroupName"])
            )
        limit = _integer(asked, "limit", 50, 1, 50)
        after = _read_opaque(asked)
        rest = [group for group in found if group["logGroupName"] > after]
        answer: dict[str, Any] = {"logGroups": rest[:limit]}
        if len(rest) > limit:
            answer["nextToken"] = _opaque(rest[limit - 1]["logGroupName"])
        return _answer(answer)

    def _moto_groups(self, request: Request, asked: dict[str, Any]) -> list[dict[str, Any]]:
        """Ask moto for all of its groups, so that both lists can be paged as one."""
        found: list[dict[str, Any]] = []
        token = None
        while True:
            again = {n: v for n, v in asked.items() if n in {"logGroupNamePrefix", "logGroupNamePattern"}}
            body = json.dumps(again | ({"nextToken": token} if token else {})).encode()
            fresh = type(request)(
                {**request.environ, "CONTENT_LENGTH": str(len(body)), "wsgi.input": _stream(body)}
            )
            response = self._moto(fresh)
            if response.status_code != 200:
                return found
            page = json.loads(response.data)
            found += page.get("logGroups", [])
            token = page.get("nextToken")
            if not token:
                return found

    def _create_group(self, group: str, asked: dict[str, Any], region: str) -> dict[str, Any]:
        del asked, region
        if not _GROUP_NAME.fullmatch(group):
            raise _invalid("logGroupName", group)
        if not self._logs.create_group(group):
            raise AwsError("ResourceAlreadyExistsException", "The specified log group already exists")
        return {}

    def _delete_group(self, group: str, asked: dict[str, Any], region: str) -> dict[str, Any]:
        del asked, region
        self._logs.delete_group(group)
        return {}

    # Streams

    def _create_stream(self, group: str, asked: dict[str, Any], region: str) -> dict[str, Any]:
        del region
        stream = _text(asked, "logStreamName")
        if not _STREAM_NAME.fullmatch(stream):
            raise _invalid("logStreamName", stream)
        if not self._logs.create_stream(group, stream):
            raise AwsError("ResourceAlreadyExistsException", "The specified log stream already exists")
        return {}

    def _delete_stream(self, group: str, asked: dict[str, Any], region: str) -> dict[str, Any]:
        del region
        self._logs.delete_stream(group, _text(asked, "logStreamName"))
        return {}

    def _describe_streams(self, group: str, asked: dict[str, Any], region: str) -> dict[str, Any]:
        prefix, order = _text(asked, "logStreamNamePrefix"), _text(asked, "orderBy") or "LogStreamName"
        if order not in {"LogStreamName", "LastEventTime"}:
            raise _invalid("orderBy", order)
        if order == "LastEventTime" and prefix:
            text = "Cannot order by LastEventTime with a logStreamNamePrefix."
            raise AwsError("InvalidParameterException", text)
        streams = self._logs.streams(group, prefix)
        if order == "LastEventTime":
            streams.sort(key=lambda stream: (stream.last or 0, stream.name))
        if asked.get("descending") is True:
            streams.reverse()
        limit = _integer(asked, "limit", 50, 1, 50)
        start = _position(_read_opaque(asked))
        answer: dict[str, Any] = {
            "logStreams": [self._stream_fields(stream, region) for stream in streams[start : start + limit]]
        }
        if len(streams) > start + limit:
            answer["nextToken"] = _opaque(str(start + limit))
        return answer

    # Events

    def _put_events(self, group: str, asked: dict[str, Any], region: str) -> dict[str, Any]:
        del region
        events = asked.get("logEvents")
        if not isinstance(events, list) or not 1 <= len(events) <= _MOST_EVENTS:
            raise _invalid("logEvents", "")
        pairs: list[tuple[int, str]] = []
        for event in events:
            at, message = (
                (event.get("timestamp"), event.get("message")) if isinstance(event, dict) else (0, 0)
            )
            if not isinstance(at, int) or not isinstance(message, str):
                raise _invalid("logEvents", str(event)[:100])
            pairs.append((at, message))
        if any(later[0] < earlier[0] for earlier, later in pairwise(pairs)):
            text = "Log events in a single PutLogEvents request must be in chronological order."
            raise AwsError("InvalidParameterException", text)
        name = _text(asked, "logStreamName")
        self._logs.stream(group, name)
        writer = self._logs.writer(group, name)
        for at, message in pairs:
            writer.write(message, at)
        writer.close()
        return {"nextSequenceToken": "0"}

    def _get_events(self, group: str, asked: dict[str, Any], region: str) -> dict[str, Any]:
        """GetLogEvents: the tokens are byte offsets; at an end, the same token comes back."""
        del region
        stream = self._logs.stream(group, _text(asked, "logStreamName"))
        self._logs.flush(stream)
        limit = _integer(asked, "limit", _MOST_EVENTS, 1, _MOST_EVENTS)
        token = _text(asked, "nextToken")
        match = _TOKEN.fullmatch(token)
        if token and (match is None or int(match[2]) > stream.size):
            raise AwsError("InvalidParameterException", "The specified nextToken is invalid.")
        if match is None:
            forward = asked.get("startFromHead") is True
            place = stream.header if forward else stream.size
        else:
            forward, place = match[1] == "f", max(int(match[2]), stream.header)
        events = self._logs.read(stream, place) if forward else self._logs.read_backwards(stream, place)
        try:
            found, start, end = _window(events, asked, limit, place)
        except ValueError:
            raise AwsError("InvalidParameterException", "The specified nextToken is invalid.") from None
        if not forward:
            found.reverse()
        return {
            "events": [
                {"timestamp": event.timestamp, "message": event.message, "ingestionTime": event.ingestion}
                for event in found
            ],
            "nextForwardToken": f"f/{end:056d}/s",
            "nextBackwardToken": f"b/{start:056d}/s",
        }

    def _filter_events(self, group: str, asked: dict[str, Any], region: str) -> dict[str, Any]:
        """FilterLogEvents: the streams merged by time; the token names the last event returned."""
        del region
        try:
            pattern = log_filter.parse(_text(asked, "filterPattern"))
        except ValueError as error:
            raise AwsError("InvalidParameterException", str(error)) from None
        names, prefix = asked.get("logStreamNames"), _text(asked, "logStreamNamePrefix")
        if names and prefix:
            text = "logStreamNamePrefix and logStreamNames cannot both be specified."
            raise AwsError("InvalidParameterException", text)
        if names:
            streams = [self._logs.stream(group, name) for name in sorted(set(map(str, names)))]
        else:
            streams = self._logs.streams(group, prefix)
        after = _event_key(_read_opaque(asked))
        limit = _integer(asked, "limit", _MOST_EVENTS, 1, _MOST_EVENTS)
        earliest, latest = _times(asked)
        merged = heapq.merge(*(self._keyed(stream) for stream in streams), key=lambda item: item[0])
        wanted = (
            (key, event)
            for key, event in merged
            if key > after and earliest <= event.timestamp < latest and pattern.matches(event.message)
        )
        found = list(islice(wanted, limit + 1))
        answer: dict[str, Any] = {
            "events": [
                {
                    "logStreamName": key[1],
                    "timestamp": event.timestamp,
                    "message": event.message,
                    "ingestionTime": event.ingestion,
                    "eventId": f"{event.timestamp:020d}{event.start:036d}",
                }
                for key, event in found[:limit]
            ],
            "searchedLogStreams": [],
        }
        if len(found) > limit:
            answer["nextToken"] = _opaque(json.dumps(found[limit - 1][0]))
        return answer

    def _keyed(self, stream: LogStream) -> Iterator[tuple[tuple[int, str, int], LogEvent]]:
        latest = 0  # Events may be out of order in their stream; merging wants keys that only rise.
        for event in self._logs.read(stream):
            latest = max(latest, event.timestamp)
            yield (latest, stream.name, event.start), event

    def _group_fields(self, group: LogGroup, region: str) -> dict[str, Any]:
        arn = f"arn:aws:logs:{region}:{self._account}:log-group:{group.name}"
        return {
            "logGroupName": group.name,
            "creationTime": group.created,
            "metricFilterCount": 0,
            "arn": f"{arn}:*",
            "logGroupArn": arn,
            "logGroupClass": "STANDARD",
            "storedBytes": sum(stream.size - stream.header for stream in group.streams.values()),
        }

    def _stream_fields(self, stream: LogStream, region: str) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "logStreamName": stream.name,
            "creationTime": stream.created,
            "arn": f"arn:aws:logs:{region}:{self._account}:log-group:{stream.group}:log-stream:{stream.name}",
            "uploadSequenceToken": "0",
            "storedBytes": 0,
        }
        if stream.first is not None:
            fields |= {
                "firstEventTimestamp": stream.first,
                "lastEventTimestamp": stream.last,
                "lastIngestionTime": stream.last_ingestion,
            }
        return fields


_OPERATIONS: dict[str, Callable[[LogsFront, str, dict[str, Any], str], dict[str, Any]]] = {
    "CreateLogGroup": LogsFront._create_group,  # noqa: SLF001
    "CreateLogStream": LogsFront._create_stream,  # noqa: SLF001
    "DeleteLogGroup": LogsFront._delete_group,  # noqa: SLF001
    "DeleteLogStream": LogsFront._delete_stream,  # noqa: SLF001
    "DescribeLogStreams": LogsFront._describe_streams,  # noqa: SLF001
    "FilterLogEvents": LogsFront._filter_events,  # noqa: SLF001
    "GetLogEvents": LogsFront._get_events,  # noqa: SLF001
    "PutLogEvents": LogsFront._put_events,  # noqa: SLF001
}


def _window(
    events: Iterator[LogEvent], asked: dict[str, Any], limit: int, place: int
) -> tuple[list[LogEvent], int, int]:
    """Take events of the asked times, up to the limit or 1 MiB; returns them with the bytes they span."""
    earliest, latest = _times(asked)
    found: list[LogEvent] = []
    size, start, end = 0, place, place
    for event in events:
        if len(found) == limit:
            break
        if earliest <= event.timestamp < latest:
            size += len(event.message.encode("utf-8", "replace")) + _EVENT_OVERHEAD
            if found and size > _MOST_BYTES:
                break
            found.append(event)
        start, end = min(start, event.start), max(end, event.end)
    return found, start, end


def _times(asked: dict[str, Any]) -> tuple[float, float]:
    """Return the first millisecond wanted and the first not wanted any more."""
    earliest, latest = asked.get("startTime"), asked.get("endTime")
    low = earliest if isinstance(earliest, int) else float("-inf")
    high = latest if isinstance(latest, int) else float("inf")
    return low, high


def _group_of(asked: dict[str, Any]) -> str:
    """Read the group a request names, be it by name or by ARN."""
    name = _text(asked, "logGroupName") or _text(asked, "logGroupIdentifier")
    if name.startswith("arn:"):
        name = name.partition(":log-group:")[2].removesuffix(":*")
    return name


def _text(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise AwsError("SerializationException", f"{name} is not a string.")
    return value


def _integer(asked: dict[str, Any], name: str, default: int, lowest: int, highest: int) -> int:
    value = asked.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or not lowest <= value <= highest:
        raise _invalid(name, str(value))
    return value


def _invalid(name: str, value: str) -> AwsError:
    return AwsError(
        "InvalidParameterException",
        f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint",
    )


def _opaque(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read_opaque(asked: dict[str, Any]) -> str:
    try:
        return base64.b64decode(
            _text(asked, "nextToken").encode("ascii"), altchars=b"-_", validate=True
        ).decode()
    except (binascii.Error, ValueError):
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid.") from None


def _position(text: str) -> int:
    if text and not text.isdecimal():
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid.")
    return int(text or "0")


def _event_key(text: str) -> tuple[float, str, int]:
    if not text:
        return (float("-inf"), "", 0)
    try:
        timestamp, stream, start = json.loads(text)
        return (int(timestamp), str(stream), int(start))
    except (ValueError, TypeError):
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid.") from None


def _stream(body: bytes) -> Any:
    from io import BytesIO

    return BytesIO(body)


def _answer(fields: dict[str, Any]) -> Response:
    return Response(json.dumps(fields), content_type="application/x-amz-json-1.1")
