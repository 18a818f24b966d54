"""Where text comes from: this Python's standard library, a folder of text files, a column of parquet files."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import sysconfig
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trainer import library
from trainer.errors import BadInput
from trainer.tokens import INSTALL

__all__ = ["Document", "Source", "open_source"]

_ROWS = 64
"""Rows of a parquet file that are in memory at once; one may be a whole book."""


@dataclass(frozen=True)
class Document:
    """One text, UTF-8. `side`: the split that it belongs to whatever it says; empty: its content decides. None as
    `text`: a row without one."""

    text: bytes | None
    side: str = ""


@dataclass(frozen=True)
class Source:
    """Some text, not read yet. `state`: changes with the name, size or time of any file. `hidden`: no genome may see
    these. `advice`: how to get more text."""

    name: str
    documents: Callable[[], Iterator[Document]] = field(repr=False)
    state: str
    hidden: tuple[Path, ...]
    advice: str


def open_source(source: str, glob: str, column: str) -> Source:
    """`source`: stdlib, a folder, or a file. Of a folder, the files that match `glob`, without those that have a name
    with a leading dot or lie in a folder with one; files that end in .parquet give a document for each row of `column`.

    Raises BadInput; so does reading the documents, for a file that cannot be read or is not UTF-8.
    """
    if source == "stdlib":
        return _standard_library()
    path = Path(source).expanduser().absolute()
    if not path.exists():
        raise BadInput(f"text={source!r} isn't there: give stdlib, a folder of text files, or a .parquet file")
    _refuse_what_trials_need(path, source)
    files = _matching(path, glob) if path.is_dir() else [path]

    def documents() -> Iterator[Document]:
        for file in files:
            yield from _rows(file, column) if file.suffix == ".parquet" else [Document(_text(file, files))]

    hidden = tuple(dict.fromkeys([path, path.resolve()]))
    return Source(str(path), documents, _state(files), hidden, "give more text")


def _standard_library() -> Source:
    root = library.root()
    files = library.files(root)

    def documents() -> Iterator[Document]:
        for file in files:
            yield Document(_text(file, files), library.side(file, root))

    advice = "give a folder of more text instead, or, where parts are missing, install them (Debian: libpython3-stdlib)"
    hidden = tuple(dict.fromkeys(library.copies(library.libraries(library.places()))))
    state = f"{_state(files)} {library.HELD}"
    return Source(f"the standard library in {root}", documents, state, hidden, advice)


def _refuse_what_trials_need(path: Path, source: str) -> None:
    """A source is hidden from trials as a whole, so it must not hold what they run on."""
    paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    needed = [Path(__file__).parent, Path(sys.executable), *map(Path, paths)]
    system = [Path("/usr/bin"), Path("/usr/lib"), Path("/usr/include")]
    real = path.resolve()
    for need in [place for each in (*needed, *system) for place in (each, each.resolve())]:
        if need.is_relative_to(real) or (need not in system and real.is_relative_to(need)):
            raise BadInput(
                f"text={source!r} can't be hidden from trials, for they need {need}: copy the text to a folder "
                "of its own and give that"
            )


def _matching(folder: Path, glob: str) -> list[Path]:
    try:
        found = sorted(folder.glob(glob))
    except (ValueError, NotImplementedError) as error:
        raise BadInput(f"glob={glob!r} is no pattern of files in a folder ({error}): e.g. **/*.txt") from None
    shown = (path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))
    files = [path for path in shown if path.is_file()]
    if not files:
        raise BadInput(f"{folder} has no file that matches glob={glob!r}: give a pattern such as **/* or **/*.txt")
    return files


def _state(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        try:
            status = os.stat(file)
        except OSError as error:
            raise BadInput(f"{file} cannot be read: {error.strerror}") from None
        if stat.S_ISREG(status.st_mode):
            digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _text(file: Path, files: Sequence[Path]) -> bytes:
    try:
        text = file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}; mend it, or leave it out by glob") from None
    try:
        text.decode()
    except UnicodeDecodeError as error:
        others = Counter(other.suffix for other in files if other.suffix not in ("", file.suffix))
        example = max(others, key=others.__getitem__, default=".txt")
        mend = f"leave such files out by glob (e.g. glob='**/*{example}'), or convert it"
        raise BadInput(f"{_not_utf8(str(file), error)}: {mend}") from None
    return text


def _not_utf8(name: str, error: UnicodeDecodeError) -> str:
    return f"{name} is not UTF-8 (byte {error.start:,} is 0x{error.object[error.start]:02x})"


def _rows(file: Path, column: str) -> Iterator[Document]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise BadInput(f"{file} needs the package pyarrow, which is not installed: {INSTALL}") from None
    number = 0
    try:
        with pq.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20) as table:
            names = table.schema_arrow.names
            if column not in names:
                raise BadInput(f"{file} has no column {column!r}: give one of {', '.join(names) or 'none'} as column")
            kind = table.schema_arrow.field(column).type
            kind = kind.value_type if pa.types.is_dictionary(kind) else kind
            if kind not in (pa.string(), pa.large_string()):
                raise BadInput(f"column {column!r} of {file} holds {kind}: text must be of type string")
            for batch in table.iter_batches(batch_size=_ROWS, columns=[column]):
                # As bytes: Arrow does not look whether a string is one.
                for text in batch.column(0).cast(pa.large_string()).cast(pa.large_binary()).to_pylist():
                    if text is not None:
                        text.decode()
                    yield Document(text)
                    number += 1
    except UnicodeDecodeError as error:
        raise BadInput(f"{_not_utf8(f'row {number:,} of {file}', error)}: leave it out, or convert it") from None
    except (pa.ArrowException, OSError) as error:
        said = str(error).splitlines()[0]
        raise BadInput(f"{file} cannot be read as parquet ({said}): mend it, or leave it out by glob") from None
