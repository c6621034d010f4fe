"""Datasets by name and by path."""

from __future__ import annotations

import gzip
import pickle
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn import datasets as bundled
from sklearn.model_selection import train_test_split

from sagewizard.data import mnist
from sagewizard.data.datasets import NAMES, DatasetSpec, load_dataset
from sagewizard.errors import CancelledError, DataError
from sagewizard.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", data=None)


LOADERS = {
    "digits": (bundled.load_digits, "multiclass_classifier", (8, 8)),
    "breast-cancer": (bundled.load_breast_cancer, "binary_classifier", None),
    "iris": (bundled.load_iris, "multiclass_classifier", None),
    "wine": (bundled.load_wine, "multiclass_classifier", None),
    "diabetes": (bundled.load_diabetes, "regressor", None),
}


def test_every_name_is_here() -> None:
    assert set(NAMES) == {*LOADERS, "mnist", "vertebral", "abalone"}


@pytest.mark.parametrize("name", LOADERS)
def test_a_bundled_dataset_is_scikit_learns_divided_as_scikit_learn_divides(
    settings: Settings, name: str
) -> None:
    loader, task, image_shape = LOADERS[name]
    bunch = loader()
    found = load_dataset(DatasetSpec(name=name, seed=7), settings=settings)
    assert (found.name, found.task, found.image_shape) == (name, task, image_shape)
    assert found.feature_names == tuple(bunch.feature_names)
    assert found.width == bunch.data.shape[1]
    assert found.citation
    assert found.licence
    assert "scikit-learn" in found.source
    classes = None if task == "regressor" else bunch.target
    assert found.class_names == (() if classes is None else tuple(map(str, bunch.target_names)))
    rest, test, left, test_labels = train_test_split(
        bunch.data, bunch.target, test_size=0.2, random_state=7, stratify=classes
    )
    train, _ = train_test_split(
        rest, test_size=0.2 / 0.8, random_state=7, stratify=None if classes is None else left
    )
    np.testing.assert_array_equal(found.splits["test"].features, test.astype(np.float32), strict=True)
    np.testing.assert_array_equal(found.splits["test"].labels, test_labels)
    np.testing.assert_array_equal(found.splits["train"].features, train.astype(np.float32))
    assert list(found.splits) == ["train", "validation", "test"]
    assert not (settings.home).exists()


def test_the_arrays_cannot_be_changed(settings: Settings) -> None:
    found = load_dataset(DatasetSpec(name="iris"), settings=settings)
    with pytest.raises(ValueError, match="read-only"):
        found.splits["train"].features[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        found.splits["train"].labels[0] = 1


def test_shares_and_seed_are_kept(settings: Settings) -> None:
    spec = DatasetSpec(name="iris", train=0.5, test=0.5, validation=0.0, seed=1, stratified=False)
    found = load_dataset(spec, settings=settings)
    assert {name: len(part) for name, part in found.splits.items()} == {"train": 75, "test": 75}
    bunch = bundled.load_iris()
    train, _ = train_test_split(bunch.data, test_size=0.5, random_state=1)
    np.testing.assert_array_equal(found.splits["train"].features, train.astype(np.float32))
    rest = load_dataset(DatasetSpec(name="iris", validation=0.1, test=0.1), settings=settings)
    assert {name: len(part) for name, part in rest.splits.items()} == {
        "train": 120,
        "validation": 15,
        "test": 15,
    }


def test_one_class_against_the_rest(settings: Settings) -> None:
    spec = DatasetSpec(name="digits", positive_label="0", seed=7)
    found = load_dataset(spec, settings=settings)
    yes = found.one_against_rest("0")
    assert yes.class_names == ("not 0", "0")
    assert yes.task == "binary_classifier"
    for name, part in found.splits.items():
        np.testing.assert_array_equal(
            yes.splits[name].labels, (part.labels == 0).astype(np.int64), strict=True
        )
    assert found.one_against_rest(0).class_names == ("not 0", "0")
    cancer = load_dataset(DatasetSpec(name="breast-cancer"), settings=settings).one_against_rest("malignant")
    assert cancer.class_names == ("benign", "malignant")
    with pytest.raises(DataError, match="no label '10'"):
        load_dataset(DatasetSpec(name="digits", positive_label="10"), settings=settings)
    with pytest.raises(DataError, match="no label 'Malignant'") as caught:
        load_dataset(DatasetSpec(name="breast-cancer", positive_label="Malignant"), settings=settings)
    assert "'malignant'" in caught.value.remedy
    with pytest.raises(DataError, match="numbers to predict"):
        load_dataset(DatasetSpec(name="diabetes", positive_label="1"), settings=settings)


def test_an_unknown_name_offers_the_nearest(settings: Settings) -> None:
    with pytest.raises(DataError, match="no dataset 'digit'") as caught:
        load_dataset(DatasetSpec(name="digit"), settings=settings)
    assert "'digits'" in caught.value.remedy
    with pytest.raises(DataError, match="either a name or a path"):
        load_dataset(DatasetSpec(), settings=settings)
    with pytest.raises(DataError, match="either a name or a path"):
        load_dataset(DatasetSpec(name="iris", path="x.csv"), settings=settings)


def test_a_cancelled_load_ends(settings: Settings) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(CancelledError):
        load_dataset(DatasetSpec(name="iris"), settings=settings, cancel=cancel)


# A file of one's own


def rows(count: int, labels: list[str]) -> str:
    return "".join(f"{i},{i * 0.5},{labels[i % len(labels)]}\n" for i in range(count))


def test_a_csv_with_text_labels_is_a_classification(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "pets.csv"
    path.write_text("age,weight,kind\n" + rows(60, ["dog", "cat", "bird"]))
    found = load_dataset(DatasetSpec(path=str(path), label_column="kind", seed=1), settings=settings)
    assert (found.name, found.task) == ("pets", "multiclass_classifier")
    assert found.feature_names == ("age", "weight")
    assert found.class_names == ("bird", "cat", "dog")
    assert "with a header" in found.source
    for part in found.splits.values():
        names = ["dog", "cat", "bird"]
        expected = [found.class_names.index(names[int(age) % 3]) for age in part.features[:, 0]]
        assert part.labels.tolist() == expected
    assert sum(map(len, found.splits.values())) == 60


@pytest.mark.parametrize(
    ("labels", "task", "classes"),
    [
        (["0", "1"], "binary_classifier", ("0", "1")),
        (["1", "2", "7"], "multiclass_classifier", ("1", "2", "7")),
        (["0.5", "1.25"], "regressor", ()),
        ([str(n) for n in range(30)], "regressor", ()),
    ],
)
def test_the_label_column_decides_the_task(
    settings: Settings, tmp_path: Path, labels: list[str], task: str, classes: Any
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(rows(90, labels))
    found = load_dataset(DatasetSpec(path=str(path), label_column=3), settings=settings)
    assert (found.task, found.class_names) == (task, classes)
    assert found.feature_names == ("column 1", "column 2")


@pytest.mark.parametrize(
    ("text", "spec", "message"),
    [
        ("a,b\n1,2\n", {"label_column": "c"}, "no column 'c'"),
        ("a,b\n1,2\n", {}, "label column is not named"),
        ("a\n1\n2\n", {"label_column": "a"}, "only one column"),
        ("a,b\n1,2\nx,2\n", {"label_column": "b"}, "row 3, column a: 'x' is not a number"),
        ("a,b\n1,2\n,2\n", {"label_column": "b"}, "row 3, column a: a number is missing"),
        ("a,b\n1,2\n", {"label_column": "b"}, "too few"),
        (rows(9, ["a", "a", "a", "a", "b"]), {"label_column": 3}, "class b has too few rows"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(
    settings: Settings, tmp_path: Path, text: str, spec: dict[str, Any], message: str
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        load_dataset(DatasetSpec(path=str(path), **spec), settings=settings)
    assert not settings.home.exists()


def test_uci_iris_is_read(settings: Settings, data_folder: Path) -> None:
    path = data_folder / "iris" / "iris.data"
    found = load_dataset(DatasetSpec(path=str(path), label_column=5), settings=settings)
    assert found.class_names == ("Iris-setosa", "Iris-versicolor", "Iris-virginica")
    assert len(found.splits["train"]) == 90


# MNIST


def pickled(folder: Path, parts: Any) -> Path:
    path = folder / "mnist" / "mnist.pkl.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(pickle.dumps(parts, 2), 1, mtime=0))
    return path


def digits(rows: int, *, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 256, (rows, 784)) / 256).astype(np.float32), rng.integers(0, 10, rows)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist, "ROWS", (50, 10, 10))


@pytest.mark.usefixtures("small")
def test_a_mnist_whose_digest_is_not_known_is_checked_by_its_contents(tmp_path: Path) -> None:
    parts = tuple(digits(n, seed=n) for n in (50, 10, 10))
    path = pickled(tmp_path / "data", parts)
    found = load_dataset(DatasetSpec(name="mnist"), settings=Settings(tmp_path / "home", tmp_path / "data"))
    assert str(path) in found.source
    assert found.verified.startswith("checked by its contents")
    assert found.verified.endswith("not one we know")
    assert (found.image_shape, found.width, len(found.class_names)) == ((28, 28), 784, 10)
    for name, (features, labels) in zip(("train", "validation", "test"), parts, strict=True):
        np.testing.assert_array_equal(found.splits[name].features, features, strict=True)
        np.testing.assert_array_equal(found.splits[name].labels, labels, strict=True)


def changed(**changes: Any) -> Any:
    features, labels = digits(10)
    return (digits(50), (changes.get("features", features), changes.get("labels", labels)), digits(10))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((digits(50), digits(10)), "three parts"),
        ({"train": digits(50)}, "three parts"),
        ((digits(50), digits(10)[0], digits(10)), "validation is not a pair of arrays"),
        (changed(features=digits(9)[0]), "the validation images are float32 .9, 784."),
        (changed(features=digits(10)[0] * 255), "pixels are not all from 0 to 1"),
        (changed(features=np.full((10, 784), np.nan, np.float32)), "pixels are not all from 0 to 1"),
        (changed(features=np.zeros((10, 784), np.int64)), "images are int64"),
        (changed(labels=digits(10)[1] + 1), "labels are not all from 0 to 9"),
        (changed(labels=np.zeros((10, 10))), "labels are float64"),
    ],
)
def test_a_pickle_that_is_not_mnist_is_an_error_that_names_the_file(
    tmp_path: Path, parts: Any, message: str
) -> None:
    if "0 to 9" in message:
        parts[1][1][0] = 10
    path = pickled(tmp_path / "data", parts)
    with pytest.raises(DataError, match=message) as caught:
        load_dataset(DatasetSpec(name="mnist"), settings=Settings(tmp_path / "home", tmp_path / "data"))
    assert caught.value.file == str(path)


def test_a_file_that_is_no_pickle_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "mnist" / "mnist.pkl.gz"
    path.parent.mkdir(parents=True)
    for content in (b"<html>", b"\x1f\x8b not gzip", b""):
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            load_dataset(DatasetSpec(name="mnist"), settings=Settings(tmp_path / "home", tmp_path / "data"))
        assert caught.value.file == str(path)


def test_without_any_place_the_error_names_the_bundled_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    # No test asks the internet: the addresses of this one lead nowhere.
    nowhere = tuple(dataclasses.replace(a, url="http://127.0.0.1:1/x") for a in mnist.FILE.addresses)
    monkeypatch.setattr(mnist, "FILE", dataclasses.replace(mnist.FILE, addresses=nowhere))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(DataError) as caught:
        load_dataset(DatasetSpec(name="mnist"), settings=Settings(tmp_path / "home", None))
    assert "digits-linear-learner" in caught.value.remedy
    assert str(caught.value).count("  - ") == 4
    assert "SageMaker's example bucket" in str(caught.value)


def test_mnist_is_asked_for_at_sagemakers_bucket_first() -> None:
    first = mnist.FILE.addresses[0].url
    bucket = "https://sagemaker-example-files-prod-us-east-1.s3.amazonaws.com"
    assert first == f"{bucket}/datasets/image/MNIST/mnist.pkl.gz"
    assert all(address.url.startswith("https://") for address in mnist.FILE.addresses)


def test_mnist_has_parts_of_its_own(settings: Settings) -> None:
    with pytest.raises(DataError, match="comes divided"):
        load_dataset(DatasetSpec(name="mnist", train=0.8, test=0.2), settings=settings)


def test_real_mnist_is_read_and_its_digest_is_the_known_one(tmp_path: Path, data_folder: Path) -> None:
    found = load_dataset(DatasetSpec(name="mnist"), settings=Settings(tmp_path, data_folder))
    assert found.verified == "its SHA-256 is the known one"
    sums = (data_folder / "SHA256SUMS").read_text().split()
    assert mnist.FILE.digests == {sums[sums.index("mnist/mnist.pkl.gz") - 1]}
    assert {name: part.features.shape for name, part in found.splits.items()} == {
        "train": (50_000, 784),
        "validation": (10_000, 784),
        "test": (10_000, 784),
    }
    assert found.splits["train"].labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert int(found.one_against_rest("0").splits["test"].labels.sum()) == 980
