"""Reads YAML into plain values and remembers the line and the column of every key and value.

Only plain YAML is taken (the safe tags). Refused, each with its place: duplicate keys, keys that are not
text, merge keys, files over 256 KiB, nesting over 20 levels, and aliases that would blow a file up beyond
20,000 values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sagewizard.errors import FileError, RecipeError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_VALUES = 20_000

_PLAIN = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file, both counted from 1."""

    line: int
    column: int


@dataclass
class Document:
    """The values of a YAML file, and where each key and each value stands."""

    file: str
    value: Any
    kind: type[FileError] = RecipeError
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)

    def place(self, path: Path, *, of_key: bool = False) -> Place:
        """Return where a path stands; for one that is not there, where the nearest one above it stands."""
        first, second = (self.keys, self.values) if of_key else (self.values, self.keys)
        while path:
            for table in (first, second):
                if path in table:
                    return table[path]
            path = path[:-1]
        return self.values.get((), Place(1, 1))

    def error(self, message: str, path: Path, *, remedy: str, of_key: bool = False) -> FileError:
        """Build the error of a path, with file, line, column and key."""
        place = self.place(path, of_key=of_key)
        return self.kind(
            message,
            remedy=remedy,
            file=self.file,
            line=place.line,
            column=place.column,
            key=dotted(path),
        )


def dotted(path: Path) -> str:
    """Write a path as a person would: `steps[3].instance_type`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            text += f".{part}" if text else part
    return text


def read(text: str | bytes, file: str, kind: type[FileError] = RecipeError) -> Document:
    """Parse the text of a YAML file. Raises an error of `kind` with the place of what is wrong."""
    import yaml

    raw = text.encode() if isinstance(text, str) else text
    if len(raw) > MAX_BYTES:
        raise kind(
            f"A file of this kind is at most {MAX_BYTES:,} bytes, this one has {len(raw):,}.",
            remedy="Check that it is not a data file.",
            file=file,
        )
    try:
        decoded = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise kind(
            "The file is not UTF-8 text.", remedy="Save it as UTF-8.", file=file, line=line, column=1
        ) from error
    loader: Any = None
    try:
        loader = yaml.SafeLoader(decoded)
        node = loader.get_single_node()
        document = Document(file=file, value=None, kind=kind)
        if node is None:
            raise kind(
                "The file is empty.", remedy="See `sagewizard recipes show` for a whole recipe.", file=file
            )
        reader = _Reader(loader, document)
        document.value = reader.read(node, (), 0)
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, file, kind) from error
    except yaml.reader.ReaderError as error:
        line = decoded[: error.position].count("\n") + 1
        raise kind(
            "The file holds a character that YAML does not allow.",
            remedy="Remove the control characters.", file=file, line=line, column=1,
        ) from error  # fmt: skip
    except RecursionError as error:
        raise kind(
            "The file is nested too deeply.", remedy=f"Use at most {MAX_DEPTH} levels.", file=file
        ) from error
    finally:
        if loader is not None:
            loader.dispose()
    return document


def _syntax(error: Any, file: str, kind: type[FileError]) -> FileError:
    mark = error.problem_mark or error.context_mark
    parts = [str(part) for part in (error.context, error.problem) if part]
    return kind(
        f"This is not valid YAML: {', '.join(parts) or 'it cannot be read'}.",
        remedy="Check the indentation, the colons and the quotes on this line and the one before.",
        file=file,
        line=mark.line + 1 if mark else 0,
        column=mark.column + 1 if mark else 0,
    )


class _Reader:
    def __init__(self, loader: Any, document: Document) -> None:
        self.loader = loader
        self.document = document
        self.count = 0

    def read(self, node: Any, path: Path, depth: int) -> Any:
        import yaml

        place = Place(node.start_mark.line + 1, node.start_mark.column + 1)
        self.document.values[path] = place
        self.count += 1
        if depth > MAX_DEPTH:
            raise self._error("The file is nested too deeply", path, f"Use at most {MAX_DEPTH} levels.")
        if self.count > MAX_VALUES:
            raise self._error(
                "The file's aliases stand for too many values", path, f"There may be {MAX_VALUES:,} at most."
            )
        if isinstance(node, yaml.CollectionNode) and node.tag not in _PLAIN:
            raise self._error(
                f"The tag {node.tag} is not allowed", path, "Write the value plainly, without a tag."
            )
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, index), depth + 1) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _scalar(self, node: Any, path: Path) -> Any:
        import yaml

        try:
            return self.loader.construct_object(node, deep=True)
        except yaml.constructor.ConstructorError as error:
            raise self._error(
                f"The tag {node.tag} is not allowed", path, "Write the value plainly, without a tag."
            ) from error
        except ValueError as error:
            raise self._error(
                f"The value {node.value!r} cannot be read", path, "Put it in quotes if it is text."
            ) from error

    def _mapping(self, node: Any, path: Path, depth: int) -> dict[str, Any]:
        import yaml

        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = Place(key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise self._at(place, "Merge keys (<<) are not allowed", "Write the keys out.", "<<")
            plain = isinstance(key_node, yaml.ScalarNode)
            key = self._scalar(key_node, path) if plain else key_node.tag
            if not plain or not isinstance(key, str):
                raise self._at(place, f"The key {key!r} is not text", "Put it in quotes.", str(key))
            if key in result:
                first = self.document.keys[(*path, key)]
                raise self._at(
                    place,
                    f"The key {key!r} is here twice; the first is on line {first.line}",
                    "Keep one of them.",
                    dotted((*path, key)),
                )
            child = (*path, key)
            self.document.keys[child] = place
            result[key] = self.read(value_node, child, depth + 1)
        return result

    def _error(self, message: str, path: Path, remedy: str) -> FileError:
        return self._at(self.document.values[path], message, remedy, dotted(path))

    def _at(self, place: Place, message: str, remedy: str, key: str) -> FileError:
        return self.document.kind(
            f"{message}.",
            remedy=remedy,
            file=self.document.file,
            line=place.line,
            column=place.column,
            key=key,
        )
