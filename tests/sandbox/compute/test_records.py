"""Cutting input objects into requests, and filtering and joining records."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewizard.sandbox.compute.processing import DataProcessor, ProcessingError, split_csv
from sagewizard.sandbox.compute.records import RECORDIO_MAGIC, RecordError, RecordTooLarge, payloads


def cut(data: bytes, split: str, strategy: str = "MultiRecord", limit: int = 20) -> list[bytes]:
    return list(payloads(io.BytesIO(data), split, strategy, limit))


def recordio(*bodies: bytes, part: int = 0) -> bytes:
    return b"".join(
        struct.pack("<II", RECORDIO_MAGIC, len(body) | part << 29) + body + bytes(-len(body) % 4)
        for body in bodies
    )


def tfrecord(*bodies: bytes) -> bytes:
    return b"".join(struct.pack("<QI", len(body), 1) + body + struct.pack("<I", 2) for body in bodies)


def test_without_a_split_type_the_object_is_one_request() -> None:
    assert cut(b"a\nb\n", "None") == [b"a\nb\n"]
    assert cut(b"", "None") == []
    assert cut(b"x" * 20, "None") == [b"x" * 20]
    with pytest.raises(RecordTooLarge):
        cut(b"x" * 21, "None")


def test_lines_fill_requests_up_to_the_limit() -> None:
    assert cut(b"aaaaaaaaa\nbbbbbbbbbb\ncc\ndd", "Line") == [b"aaaaaaaaa\nbbbbbbbbbb", b"cc\ndd"]
    assert cut(b"a\nb\nc\n", "Line", "SingleRecord") == [b"a", b"b", b"c"]
    assert cut(b"\n\n", "Line") == []
    assert cut(b"x" * 20 + b"\n", "Line") == [b"x" * 20]


def test_a_line_beyond_the_limit_is_refused_with_its_place() -> None:
    with pytest.raises(RecordTooLarge, match="at byte 2 "):
        cut(b"a\n" + b"x" * 21 + b"\nb\n", "Line")
    with pytest.raises(RecordTooLarge):
        cut(b"x" * 21, "Line")


@given(st.lists(st.binary(max_size=12).filter(lambda b: b"\n" not in b)), st.booleans(), st.integers(12, 40))
def test_no_line_is_lost_split_or_moved(lines: list[bytes], newline: bool, limit: int) -> None:
    data = b"\n".join(lines) + (b"\n" if newline and lines else b"")
    wanted = [line for line in lines if line.strip()]
    for strategy in ("MultiRecord", "SingleRecord"):
        found = cut(data, "Line", strategy, limit)
        assert all(len(payload) <= limit for payload in found)
        assert [line for payload in found for line in payload.split(b"\n") if line.strip()] == wanted


def test_a_stream_that_gives_little_at_a_time_is_cut_the_same() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 3, 3) if size != -1 else 3)

    assert list(payloads(Slow(b"aaaa\nbbbb\ncccc\n"), "Line", "MultiRecord", 9)) == [b"aaaa\nbbbb", b"cccc"]


def test_recordio_keeps_its_framing_and_its_parts_together() -> None:
    one, two, three = recordio(b"1"), recordio(b"22222"), recordio(b"")
    assert cut(one + two + three, "RecordIO", "SingleRecord", 100) == [one, two, three]
    assert cut(one + two + three, "RecordIO", limit=28) == [one + two, three]
    parts = recordio(b"ab", part=1) + recordio(b"cd", part=2) + recordio(b"ef", part=3)
    assert cut(parts + one, "RecordIO", "SingleRecord", 100) == [parts, one]


@pytest.mark.parametrize("strip", [1, 4, 9])
def test_cut_recordio_is_an_error_with_its_place(strip: int) -> None:
    with pytest.raises(RecordError, match="at byte 12"):
        cut((recordio(b"1234") + recordio(b"5678"))[:-strip], "RecordIO", "SingleRecord", 100)


def test_recordio_that_ends_between_parts_is_cut() -> None:
    with pytest.raises(RecordError, match="cut off"):
        cut(recordio(b"1234") + recordio(b"5", part=1), "RecordIO", "SingleRecord", 100)


def test_foreign_and_oversized_recordio_are_refused_before_they_are_read() -> None:
    with pytest.raises(RecordError, match="at byte 0"):
        cut(b"1,2,3,4,5\n", "RecordIO")
    with pytest.raises(RecordTooLarge):
        cut(struct.pack("<II", RECORDIO_MAGIC, (1 << 29) - 1), "RecordIO")


def test_tfrecords_keep_their_framing() -> None:
    one, two = tfrecord(b"1"), tfrecord(b"22")
    assert cut(one + two, "TFRecord", "SingleRecord", 100) == [one, two]
    assert cut(one + two, "TFRecord", limit=100) == [one + two]
    with pytest.raises(RecordError, match="cut off"):
        cut((one + two)[:-1], "TFRecord", "SingleRecord", 100)
    with pytest.raises(RecordError, match="cut off"):
        cut(one + two[:5], "TFRecord", "SingleRecord", 100)
    with pytest.raises(RecordTooLarge):
        cut(struct.pack("<QI", 1 << 60, 0), "TFRecord", "SingleRecord", 100)


def processor(
    content: str = "text/csv",
    accept: str = "",
    split: str = "Line",
    assemble: str = "Line",
    **processing: str,
) -> DataProcessor:
    request: dict[str, Any] = {
        "TransformInput": {"ContentType": content, "SplitType": split},
        "TransformOutput": {"Accept": accept or content, "AssembleWith": assemble},
        "DataProcessing": processing,
    }
    return DataProcessor(request)


def test_the_breast_cancer_filters_work_on_csv() -> None:
    made = processor(InputFilter="$[1:]", JoinSource="Input", OutputFilter="$[0,-1]")
    payload = b"id1,1,2\nid2,3,4"
    assert made.to_container(payload) == b"1,2\n3,4"
    assert made.from_container(payload, b"0.1\n0.9\n") == b"id1,0.1\nid2,0.9\n"


def test_a_csv_join_puts_the_prediction_behind_the_input_as_it_was() -> None:
    made = processor(JoinSource="Input")
    assert made.from_container(b'"a, b",1.0\r\nc,2', b"1,0.5\n0,0.25") == b'"a, b",1.0,1,0.5\nc,2,0,0.25'


def test_quotes_keep_commas_together() -> None:
    assert split_csv(b'1,"a,b",c') == [b"1", b'"a,b"', b"c"]
    assert split_csv(b'"a ""x"", b",,"",z') == [b'"a ""x"", b"', b"", b'""', b"z"]
    assert split_csv(b'"never closed,1') == [b'"never closed,1']
    assert processor(InputFilter="$[1]").to_container(b'1,"a,b",c') == b'"a,b"'


@given(st.lists(st.text(alphabet='ab," ', max_size=5), min_size=1, max_size=5))
def test_splitting_agrees_with_pythons_csv_writer(fields: list[str]) -> None:
    import csv

    text = io.StringIO()
    csv.writer(text, lineterminator="", quoting=csv.QUOTE_ALL).writerow(fields)
    parts = split_csv(text.getvalue().encode())
    assert [part.decode()[1:-1].replace('""', '"') for part in parts] == fields


def test_a_json_join_adds_the_output_to_the_object() -> None:
    made = processor(
        "application/json", split="None", assemble="None", InputFilter="$.features", JoinSource="Input"
    )
    payload = b'{"id": 1, "features": [1, 2]}'
    assert made.to_container(payload) == b"[1,2]"
    assert (
        made.from_container(payload, b'{"label": 1}')
        == b'{"id":1,"features":[1,2],"SageMakerOutput":{"label":1}}'
    )


def test_a_json_value_that_is_no_object_is_put_beside_its_output() -> None:
    made = processor("application/json", split="None", assemble="None", JoinSource="Input")
    assert made.from_container(b"[1, 2]", b'{"s":3}') == b'{"SageMakerInput":[1,2],"SageMakerOutput":{"s":3}}'


def test_json_lines_are_joined_line_by_line() -> None:
    made = processor("application/jsonlines", JoinSource="Input", OutputFilter="$['id','SageMakerOutput']")
    payload = b'{"id":1,"f":[1]}\n{"id":2,"f":[2]}'
    assert made.from_container(payload, b'{"s":1}\n{"s":2}\n') == (
        b'{"id":1,"SageMakerOutput":{"s":1}}\n{"id":2,"SageMakerOutput":{"s":2}}\n'
    )


def test_json_split_into_lines_joins_one_or_many() -> None:
    made = processor("application/json", JoinSource="Input", OutputFilter="$.SageMakerOutput.s")
    assert made.from_container(b'{"a":1}', b'{"s":1}') == b"1"
    assert made.from_container(b'{"a":1}\n{"a":2}', b'{"s":1}\n{"s":2}') == b"1\n2"


def test_an_output_filter_alone_keeps_the_line_end_of_the_reply() -> None:
    made = processor(OutputFilter="$[0]", assemble="None")
    assert made.from_container(b"", b"1,0.5\n0,0.2\n") == b"1\n0\n"
    made = processor("text/csv", "application/json", OutputFilter="$.predictions[*].score", split="None")
    assert made.from_container(b"", b'{"predictions": [{"score": 1.5}, {"score": 2}]}') == b"[1.5,2]"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"content": "image/png", "InputFilter": "$[1:]"}, "ContentType is 'image/png'"),
        ({"content": "", "accept": "text/csv", "InputFilter": "$[1:]"}, "ContentType is ''"),
        ({"InputFilter": "$.id"}, "cannot select CSV columns"),
        ({"OutputFilter": "$['id']"}, "cannot select CSV columns"),
        ({"OutputFilter": "$[["}, "cannot be understood"),
        ({"accept": "application/json", "JoinSource": "Input"}, "same ContentType and Accept"),
        ({"split": "Line", "assemble": "None", "JoinSource": "Input"}, "same SplitType and AssembleWith"),
    ],
)
def test_requests_that_cannot_be_processed_are_refused_at_once(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(ProcessingError) as caught:
        processor(**arguments)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("made", "payload", "reply"),
    [
        (processor(JoinSource="Input"), b"1\n2", b"1\n"),
        (processor(JoinSource="Input", OutputFilter="$[0,5]"), b"1,2", b"1"),
        (processor("application/jsonlines", JoinSource="Input"), b"{}", b"not json"),
        (processor("application/jsonlines", JoinSource="Input"), b"[" * 100_000, b"{}"),
        (processor("application/jsonlines", JoinSource="Input", OutputFilter="$.x"), b"{}", b"{}"),
    ],
)
def test_replies_that_do_not_fit_are_errors(made: DataProcessor, payload: bytes, reply: bytes) -> None:
    with pytest.raises(ProcessingError):
        made.from_container(payload, reply)
