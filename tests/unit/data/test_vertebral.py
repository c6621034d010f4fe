from __future__ import annotations

import io
import os
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sagewizard.data import vertebral
from sagewizard.data.datasets import DatasetSpec, load_dataset
from sagewizard.data.zipped import read_member
from sagewizard.errors import DataError
from sagewizard.settings import Settings


@pytest.fixture(scope="module")
def archive():
    default = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
    folder = Path(os.environ.get("SAGEWIZARD_TEST_DATA", default)).resolve()
    path = folder / "vertebral" / "vertebral_column_data.zip"
    if not path.is_file():
        pytest.skip(f"there is no {path}; SAGEWIZARD_TEST_DATA names the folder")
    return path


def test_the_parts_are_those_of_two_calls_of_train_test_split(archive, tmp_path):
    import pandas as pd
    from scipy.io import arff
    from sklearn.model_selection import train_test_split

    text = zipfile.ZipFile(archive).read(vertebral.MEMBER).decode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = pd.DataFrame(arff.loadarff(io.StringIO(text))[0])
    train, held = train_test_split(frame, test_size=0.2, random_state=42, stratify=frame["class"])
    test, validate = train_test_split(held, test_size=0.5, random_state=42, stratify=held["class"])
    settings = Settings(home=tmp_path, data=archive.parents[1])
    found = load_dataset(
        DatasetSpec(name="vertebral", train=0.8, validation=0.1, test=0.1, seed=42, method="train-first"),
        settings=settings,
    ).one_against_rest("Abnormal")
    assert found.class_names == ("Normal", "Abnormal")
    for name, expected in (("train", train), ("validation", validate), ("test", test)):
        part = found.splits[name]
        assert np.array_equal(part.features, expected.iloc[:, :6].to_numpy(np.float32))
        assert np.array_equal(part.labels, (expected["class"] == b"Abnormal").to_numpy(np.int64))
    assert [len(found.splits[name]) for name in ("train", "validation", "test")] == [248, 31, 31]


def test_without_the_file_the_remedy_names_the_recipe_that_needs_none(tmp_path, monkeypatch):
    from sagewizard.data import sources

    def unreachable(_url):
        raise sources._UnreachableError("no network in this test")

    monkeypatch.setattr(sources, "_open", unreachable)
    with pytest.raises(DataError) as caught:
        load_dataset(DatasetSpec(name="vertebral"), settings=Settings(home=tmp_path, data=None))
    assert "breast-cancer-xgboost" in caught.value.remedy
    assert "archive.ics.uci.edu" in caught.value.message


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, body in members:
            file.writestr(name, body)
    return path


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"no zip", "damaged or no zip"),
        (b"", "damaged or no zip"),
    ],
)
def test_what_is_no_zip_is_refused(tmp_path, body, words):
    path = tmp_path / "x.zip"
    path.write_bytes(body)
    with pytest.raises(DataError) as caught:
        vertebral.read_vertebral(path)
    assert words in caught.value.message
    assert caught.value.file == str(path)


def test_hostile_archives_are_refused_and_nothing_is_unpacked(tmp_path):
    bomb = zipped(tmp_path / "bomb.zip", [(vertebral.MEMBER, b"0" * (8 << 20))])
    with pytest.raises(DataError, match="unpacks to more than"):
        vertebral.read_vertebral(bomb)
    many = zipped(tmp_path / "many.zip", [(f"m{number}", b"") for number in range(1_001)])
    with pytest.raises(DataError, match="1,001 members"):
        read_member(many, "m0", ceiling=10)
    escape = zipped(tmp_path / "escape.zip", [(f"../../{vertebral.MEMBER}", b"@relation r")])
    with pytest.raises(DataError, match=r"there is no column_2C_weka\.arff"):
        vertebral.read_vertebral(escape)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bomb.zip", "escape.zip", "many.zip"]


def test_a_size_that_lies_is_found_out_by_reading(tmp_path):
    path = zipped(tmp_path / "liar.zip", [("a", b"0" * 5_000)])
    body = bytearray(path.read_bytes())
    at = body.rindex(b"PK\x01\x02") + 24
    body[at : at + 4] = (100).to_bytes(4, "little")
    path.write_bytes(body)
    with pytest.raises(DataError):
        read_member(path, "a", ceiling=1_000)


def test_a_damaged_member_is_refused(archive, tmp_path):
    body = bytearray(archive.read_bytes())
    body[len(body) // 2 : len(body) // 2 + 40] = b"x" * 40
    path = tmp_path / "damaged.zip"
    path.write_bytes(body)
    with pytest.raises(DataError):
        vertebral.read_vertebral(path)


def test_another_table_under_the_name_is_refused(tmp_path):
    text = b"@relation r\n@attribute a numeric\n@data\n1\n"
    with pytest.raises(DataError, match="not the vertebral column data"):
        vertebral.read_vertebral(zipped(tmp_path / "o.zip", [(vertebral.MEMBER, text)]))
