"""Files of a source as a generator damages them: odd values in good files, and good files with bad bytes."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet
from hypothesis import strategies as st

FIELDS = ("id", "ts", "kind", "amount", "quantity", "category", "mail")
HOSTILE = (
    "", " ", "\0", "'", '"', '""', "''; drop table events; --", '"); copy (select 1) to \'/tmp/x\'; --',
    "$ipad", "${HOME}", "%s%n", "{0}", "\u202eabc", "مرحبا", "👩‍👩‍👧", "\ufeff", "\u200b", "a\nb", "a\r\nb",
    "a\tb", "a;b|c", "=1+1", "-", "NULL", "null", "nan", "true", "\\N", "\\", "#", "x" * 5_000,
    "ada@example.org", "+49 30 1234567", "<script>", "../../etc/passwd", "\x1b[31m", "ß", "İ", "\U0010ffff",
)  # fmt: skip
TIMES = (
    "2026-05-01 10:00", "2026-05-01T10:00:00Z", "2026-05-01", "0000-00-00", "2026-02-30", "1970-01-01",
    "1969-12-31", "2099-01-01", "infinity", "-infinity", "epoch", "today", "now", "1777629600",
    "1777629600000", "1e308", "24:00", "12/31/2025", "31.12.2025", "2026-05-01T10:00:00+99:00",
    "2026-05-01 10:00:00 Europe/Berlin", "2026-W18-5", "294247-01-10 04:00:54.775807+00",
    "290309-12-22 (BC) 00:00:00+00", "2026-05-01 25:61:61", "５月", "10:00",
)  # fmt: skip
NUMBERS = (
    "10", "0", "-0.0", "-1", "1e3", "1e400", "nan", "inf", "-Infinity", "9" * 400, "1.0.0", "1,5",
    "1.234,50", "0x10", "1_000", "１２", "€5", "5 %", "(5)", "1e-400", "--5", "+5", "5.", ".5",
    "9223372036854775808",
)  # fmt: skip
JSON_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 1e308, 10**30, "", [], {}, [1, "a", None], {"a": {"b": [{}]}}, [[[[[]]]]],
    {"": 1}, {"a.b": 1},
)  # fmt: skip

texts = st.sampled_from(HOSTILE) | st.text(max_size=12)
values = {
    "id": st.integers(0, 9).map(str) | texts,
    "ts": st.sampled_from(TIMES[:2]) | st.sampled_from(TIMES) | st.datetimes().map(str) | texts,
    "kind": st.sampled_from(("purchase", "page_view", "refund")) | texts,
    "amount": st.sampled_from(NUMBERS) | st.floats().map(str) | texts,
    "quantity": st.sampled_from(("1", "2")) | st.sampled_from(NUMBERS) | texts,
    "category": texts,
    "mail": st.integers(0, 9).map(lambda n: f"c{n}@x.example") | texts,
}
rows = st.lists(st.fixed_dictionaries(values), max_size=6)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A file to deliver."""

    name: str
    content: bytes


def _csv_cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',;|\t"\n\r') else text


@st.composite
def csv_texts(draw: st.DrawFn) -> bytes:
    """A CSV: with another delimiter, ragged rows, quotes left open, a header that repeats or lacks names."""
    header = list(FIELDS)
    change = draw(
        st.sampled_from(
            ("", "", "", "", "twice", "lacks", "odd", "more", "shuffled", "empty", "none", "case")
        )
    )
    if change == "twice":
        header[4] = draw(st.sampled_from(("id", "ID", "amount")))
    elif change == "lacks":
        header.remove(draw(st.sampled_from(FIELDS)))
    elif change in ("odd", "more"):
        header[5 if change == "odd" else len(header) :] = [draw(texts)]
    elif change == "shuffled":
        header = list(draw(st.permutations(header)))
    elif change == "empty":
        header[draw(st.integers(0, 6))] = ""
    elif change == "case":
        header = [name.upper() for name in header]
    between = draw(st.sampled_from((",", ",", ",", ";", "\t", "|", ":", " ", "~")))
    end = draw(st.sampled_from(("\n", "\n", "\n", "\r\n", "\r", "\n\n", "\n\r", "\u2028")))
    careless = draw(st.booleans())
    lines = [] if change == "none" else [between.join(map(_csv_cell, header))]
    for row in draw(rows):
        cells = [row.get(name.lower(), "x") for name in header]
        ragged = draw(st.integers(-8, 20))
        cells = cells[:ragged] if ragged < 0 else cells + ["more"] * (ragged - 18 if ragged > 18 else 0)
        lines.append(between.join(cell if careless else _csv_cell(cell) for cell in cells))
    return end.join([*lines, ""]).encode("utf-8", "surrogatepass")


@st.composite
def json_texts(draw: st.DrawFn) -> bytes:
    """JSON lines: types that change, fields nested, missing or twice, lines that are something else."""
    lines = []
    for row in draw(rows):
        thing: dict[str, Any] = dict(row)
        for name in draw(st.lists(st.sampled_from((*FIELDS, "extra", "")), max_size=2)):
            thing[name] = draw(st.sampled_from(JSON_VALUES) | st.floats() | st.integers())
        for name in draw(st.lists(st.sampled_from(FIELDS), max_size=1)):
            thing.pop(name, None)
        line = json.dumps(thing, ensure_ascii=draw(st.booleans()))
        if draw(st.integers(0, 5)) == 0:
            line = draw(
                st.sampled_from(
                    ("{", "[]", "7", "null", '"text"', "{}", "NaN", "{'id': 1}", '{"id": 1,}', "[" * 300)
                )
                | st.integers(1, 400).map(lambda depth: '{"a":' * depth + "1" + "}" * depth)
                | st.just('{"id": "1", "ID": "2", "id": "3"}')
            )
        lines.append(line)
    return (
        draw(st.sampled_from(("\n", "\n", "\r\n", " \n\n")))
        .join([*lines, ""])
        .encode("utf-8", "surrogatepass")
    )


@st.composite
def parquet_files(draw: st.DrawFn) -> bytes:
    """Parquet: columns of any type, lists and structs among them, none or many."""
    kinds: tuple[Callable[[int], pa.Array], ...] = (
        lambda n: pa.array([float("nan")] * n),
        lambda n: pa.array([2**62] * n),
        lambda n: pa.array([b"\xff\xfe"] * n),
        lambda n: pa.array([[1, None]] * n),
        lambda n: pa.array([{"a": {"b": 1}}] * n),
        lambda n: pa.array([None] * n),
        lambda n: pa.array([True] * n),
        lambda n: pa.array([0] * n, pa.timestamp("ns")),
        lambda n: pa.array([2**62] * n, pa.timestamp("us", "UTC")),
        lambda n: pa.array([1] * n, pa.date32()),
        lambda n: pa.array([1] * n, pa.duration("s")),
        lambda n: pa.array([1] * n, pa.decimal128(38, 10)),
        lambda n: pa.array(["a"] * n).dictionary_encode(),
        lambda n: pa.array([[("k", 1)]] * n, pa.map_(pa.string(), pa.int64())),
    )
    found = draw(rows)
    columns: dict[str, Any] = {
        name: pa.array([row[name].encode("utf-8", "replace").decode() for row in found], pa.string())
        for name in FIELDS
    }
    for name in draw(st.lists(st.sampled_from((*FIELDS, "extra", "_row", "")), max_size=3)):
        columns[name] = draw(st.sampled_from(kinds))(len(found))
    for name in draw(st.lists(st.sampled_from(FIELDS), max_size=1)):
        columns.pop(name, None)
    out = io.BytesIO()
    pa.parquet.write_table(
        pa.table(columns), out, compression=draw(st.sampled_from(("NONE", "SNAPPY", "ZSTD")))
    )
    return out.getvalue()


def _hurt(content: bytes, kind: str, place: float, amount: int) -> bytes:
    """One injury at a place, told as a share of the whole."""
    at = int(place * len(content))
    injuries: dict[str, Callable[[], bytes]] = {
        "flip": lambda: (
            content[:at] + bytes(b ^ (amount % 255 + 1) for b in content[at : at + 1]) + content[at + 1 :]
        ),
        "cut": lambda: content[:at],
        "behead": lambda: content[at:],
        "lose": lambda: content[:at] + content[at + amount :],
        "repeat": lambda: content[:at] + content[max(0, at - amount) :],
        "nul": lambda: content[:at] + b"\0" * (amount % 9 + 1) + content[at:],
        "latin": lambda: content[:at] + b"\xe9\xff" + content[at:],
        "quote": lambda: content[:at] + b'"' + content[at:],
        "newline": lambda: content[:at] + b"\n" + content[at:],
        "mark": lambda: b"\xef\xbb\xbf" + content,
        "utf16": lambda: content.decode("utf-8", "replace").encode("utf-16"),
        "utf32": lambda: content.decode("utf-8", "replace").encode("utf-32-le"),
        "huge": lambda: content[:at] + b"y" * (amount * 3_000) + content[at:],
        "tail": lambda: content + b"\x00\x01PAR1" * (amount % 5 + 1),
    }
    return injuries[kind]()


INJURIES = (
    "flip", "cut", "behead", "lose", "repeat", "nul", "latin", "quote", "newline", "mark", "utf16", "utf32",
    "huge", "tail",
)  # fmt: skip
injuries = st.lists(st.tuples(st.sampled_from(INJURIES), st.floats(0, 1), st.integers(0, 300)), max_size=2)
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda content: content,
    ".gz": lambda content: gzip.compress(content, mtime=0),
    ".zst": lambda content: pa.compress(content, "zstd", asbytes=True),
}
STEMS = ("b", "b", "b", "it's [1] 100%? 🎉", "a b", "b;c", "ü" * 60, "-rf", "$HOME", 'q"uote', "b\nc")


@st.composite
def damaged_files(draw: st.DrawFn) -> Damaged:
    """A file of a kind, hurt before or after it is packed, sometimes under the name of another kind, or rubbish."""
    kind = draw(st.sampled_from(("csv", "csv", "jsonl", "parquet", "rubbish")))
    content = draw(
        {
            "csv": csv_texts(), "jsonl": json_texts(), "parquet": parquet_files(), "rubbish": st.binary(max_size=300),
        }[kind]
    )  # fmt: skip
    named = {"rubbish": draw(st.sampled_from(("csv", "jsonl", "parquet")))}.get(kind, kind)
    if draw(st.integers(0, 11)) == 0:
        named = draw(
            st.sampled_from(
                ("csv", "jsonl", "parquet", "tsv", "txt", "ndjson", "pq", "CSV", "xlsx", "zip", "")
            )
        )
    packed = draw(st.sampled_from(("", "", "", ".gz", ".zst"))) if named in ("csv", "jsonl") else ""
    for injury in draw(injuries):
        content = _hurt(content, *injury)
    content = PACKERS[packed](content)
    for injury in draw(injuries) if packed and draw(st.booleans()) else []:
        content = _hurt(content, *injury)
    return Damaged(f"{draw(st.sampled_from(STEMS))}.{named}{packed}", content)
