"""The bytes of a file, unpacked; and that they are all there."""

from __future__ import annotations

import codecs
from typing import Any

import fsspec
import pyarrow

from tasks.sources import SourceError, quote

_PACKED = {".gz": "gzip", ".zst": "zstd"}
_PIECE = 1 << 20


def open_stream(path: str) -> Any:
    """The file's bytes, unpacked."""
    packed = next((kind for suffix, kind in _PACKED.items() if path.lower().endswith(suffix)), None)
    return pyarrow.input_stream(fsspec.open(path, "rb").open(), compression=packed)


def check_whole(path: str) -> None:
    """A packed file that breaks off looks whole to the engine, which reads what there is.

    Raises:
        SourceError: it breaks off, or is not packed at all.
    """
    if not path.lower().endswith(tuple(_PACKED)):
        return
    try:
        with open_stream(path) as stream:
            while stream.read(_PIECE):
                pass
    except OSError as error:
        raise SourceError(
            f"it breaks off, or is not packed as its name says ({error}); deliver it again"
        ) from None


def refuse_utf16(path: str) -> None:
    """Every line of such a file would be unreadable, which says less than that the file is of another kind.

    Raises:
        SourceError: the file begins with the mark of UTF-16.
    """
    with open_stream(path) as stream:
        start = bytes(stream.read(2))
    if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise SourceError("it is UTF-16 text; save the file as UTF-8")


def quote_path(path: str) -> str:
    """A path as the engine's literal, which would take some characters of it for wildcards."""
    return quote("".join(f"[{letter}]" if letter in "[*?" else letter for letter in path))
