"""Files as they should not be, and what must become of each: refused in one line, or every row accounted for."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

HEADER = "id,ts,kind,amount,quantity,category,mail"
FIELDS = {
    "event_id": "id", "occurred_at": "ts", "kind": "kind", "value": "amount", "quantity": "quantity",
    "category": "category",
}  # fmt: skip
FIRST, SECOND, THIRD = (f"{n},2026-05-0{n} 10:00,purchase,{n}0,{n},shoes,c{n}@x.example" for n in (1, 2, 3))


@dataclass(frozen=True, slots=True)
class Refused:
    """The run stops with one line that holds these words, and nothing is written."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """Every row of the files is accounted for; `reasons` counts those that quarantined rows give, by their start."""

    read: int
    accepted: int
    duplicates: int = 0
    quarantined: int = 0
    filtered: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """Files of one source, what its mapping has beside the usual, and the outcome.

    A file is its bytes, a function that makes them where they are many, or where a link points.
    """

    name: str
    files: Mapping[str, bytes | Callable[[], bytes] | Path]
    outcome: Refused | Taken
    path: str = "in/*"
    columns: Mapping[str, str] = field(default_factory=dict)
    max_bad_share: float = 1.0

    def write(self, folder: Path) -> Path:
        """Write the files and the configuration that reads them; return the latter."""
        (folder / "in").mkdir(parents=True)
        for name, content in self.files.items():
            if isinstance(content, Path):
                (folder / "in" / name).symlink_to(content)
            else:
                (folder / "in" / name).write_bytes(content if isinstance(content, bytes) else content())
        columns = "\n".join(
            f"{target} = {json.dumps(sql)}" for target, sql in (FIELDS | dict(self.columns)).items()
        )
        config = folder / "segmentwerk.toml"
        config.write_text(
            f'[[sources]]\nname = "shop"\npath = {json.dumps(self.path)}\nmax_bad_share = {self.max_bad_share}\n'
            f'[sources.keys]\nemail = "mail"\n[sources.columns]\n{columns}\n',
            encoding="utf-8",
        )
        return config


def csv(*rows: str, header: str = HEADER, end: str = "\n") -> bytes:
    return "".join(f"{row}{end}" for row in (header, *rows)).encode()


def row(number: int | str, **changes: str) -> str:
    """A good CSV row, but for the changes."""
    return ",".join((_values(number) | changes).values())


def _values(number: int | str) -> dict[str, str]:
    return {
        "id": str(number), "ts": "2026-05-01 10:00", "kind": "purchase", "amount": "10", "quantity": "1",
        "category": "shoes", "mail": f"c{number}@x.example",
    }  # fmt: skip


def thing(number: int | str, **changes: object) -> dict[str, object]:
    """A good JSON object, but for the changes."""
    return {**_values(number), "ts": "2026-05-01T10:00:00Z", "amount": 10, "quantity": 1, **changes}


def jsonl(*lines: str | dict[str, object]) -> bytes:
    return "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines).encode()


def parquet(
    things: Iterable[Mapping[str, object]], *, rows: int | None = None, **types: pa.DataType
) -> bytes:
    """The things, or the first so many `rows` of them, with some columns cast to other types."""
    table = pa.Table.from_pylist(list(things)).slice(0, rows)
    for name, kind in types.items():
        table = table.set_column(table.column_names.index(name), name, table[name].cast(kind))
    out = io.BytesIO()
    pa.parquet.write_table(table, out)
    return out.getvalue()


def nest(depth: int) -> str:
    """A good object with another inside another inside another."""
    return json.dumps(thing(1))[:-1] + ', "extra": ' + '{"a": ' * depth + "1" + "}" * depth + "}"


GOOD = csv(FIRST, SECOND, THIRD)
WHOLE = gzip.compress(csv(*(row(n, category=f"shoe{n * 7919}") for n in range(5000))), mtime=0)
WHOLE_JSON = gzip.compress(jsonl(*(thing(n, category=f"shoe{n * 7919}") for n in range(2000))), mtime=0)
THINGS = jsonl(thing(1), thing(2), thing(3))
ENCODING = (
    Case(
        "latin-1 in a CSV",
        {"a.csv": GOOD + b"4,2026-05-01 10:00,purchase,1,1,caf\xe9,d@x.example\n" + row(5).encode() + b"\n"},
        Taken(read=5, accepted=4, quarantined=1, reasons={"row: ": 1}),
    ),
    Case(
        "latin-1 in JSON lines",
        {"a.jsonl": THINGS + jsonl(thing(4, category="caf_")).replace(b"_", b"\xe9") + jsonl(thing(5))},
        Taken(read=5, accepted=4, quarantined=1, reasons={"row: ": 1}),
    ),
    Case("UTF-16", {"a.csv": GOOD.decode().encode("utf-16")}, Refused(("a.csv",))),
    Case("UTF-16 JSON lines", {"a.jsonl": THINGS.decode().encode("utf-16")}, Refused(("a.jsonl",))),
    Case("a byte order mark", {"a.csv": b"\xef\xbb\xbf" + GOOD}, Taken(read=3, accepted=3)),
    Case("a byte order mark before JSON", {"a.jsonl": b"\xef\xbb\xbf" + THINGS}, Taken(read=3, accepted=3)),
    Case(
        "emoji and right-to-left text",
        {
            "a.csv": csv(
                row(1, category="🎉👩‍👩‍👧"), row(2, category="\u202eשלום עולם"), row(3, category="مرحبا")
            )
        },
        Taken(read=3, accepted=3),
    ),
    Case(
        "NUL bytes in a CSV",
        {"a.csv": csv(FIRST, row(2, category="sh\0oes"), THIRD)},
        Taken(read=3, accepted=3),
    ),
    Case(
        "NUL bytes in JSON lines",
        {"a.jsonl": jsonl(thing(1), thing(2, category="sh_es"), thing(3)).replace(b"_", b"\0")},
        Taken(read=3, accepted=2, quarantined=1, reasons={"row: not JSON": 1}),
    ),
    Case(
        "an escaped NUL in JSON lines",
        {"a.jsonl": jsonl(thing(1), thing(2, category="sh\0es"), thing(3))},
        Taken(read=3, accepted=3),
    ),
)
PACKED = (
    Case("a gzip cut off", {"a.csv.gz": WHOLE[: len(WHOLE) // 2]}, Refused(("a.csv.gz",))),
    Case("a gzip cut off by a byte", {"a.csv.gz": WHOLE[:-9]}, Refused(("a.csv.gz",))),
    Case(
        "a gzip of JSON cut off", {"a.jsonl.gz": WHOLE_JSON[: len(WHOLE_JSON) // 2]}, Refused(("a.jsonl.gz",))
    ),
    Case("a gzip that is none", {"a.csv.gz": GOOD}, Refused(("a.csv.gz",))),
    Case("a zstd that is none", {"a.csv.zst": GOOD}, Refused(("a.csv.zst",))),
    Case("a JSON gzip that is none", {"a.jsonl.gz": THINGS}, Refused(("a.jsonl.gz",))),
    Case("a Parquet that is none", {"a.parquet": GOOD}, Refused(("a.parquet",))),
    Case("a Parquet cut off", {"a.parquet": parquet([thing(1)] * 100)[:-20]}, Refused(("a.parquet",))),
    Case("a Parquet of no bytes", {"a.parquet": b""}, Refused(("a.parquet",))),
    Case("a gzip of nothing", {"a.csv.gz": gzip.compress(b"")}, Taken(read=0, accepted=0)),
)
SHAPES = (
    Case("no bytes", {"a.csv": b""}, Taken(read=0, accepted=0)),
    Case("no bytes of JSON", {"a.jsonl": b""}, Taken(read=0, accepted=0)),
    Case("a header and nothing else", {"a.csv": csv()}, Taken(read=0, accepted=0)),
    Case(
        "Parquet without rows",
        {"a.parquet": parquet([thing(1)], rows=0), "b.parquet": parquet([thing(2)])},
        Taken(read=1, accepted=1),
    ),
    Case(
        "a header in another order, with more",
        {
            "a.csv": GOOD,
            "b.csv": csv(
                "c4@x.example,4,9,purchase,2026-05-01,,1,?",
                header="mail,id,amount,kind,ts,category,quantity,new",
            ),
        },
        Taken(read=4, accepted=4),
    ),
    Case(
        "a header that lacks a column",
        {"a.csv": GOOD, "b.csv": csv(row(4), header=HEADER.replace("amount", "price"))},
        Refused(("sources.shop", "amount", "price", "b.csv")),
    ),
    Case(
        "a column twice",
        {"a.csv": csv(f"{FIRST},7", header=f"{HEADER},amount")},
        Refused(("amount", "twice")),
    ),
    Case("CRLF", {"a.csv": csv(FIRST, SECOND, THIRD, end="\r\n")}, Taken(read=3, accepted=3)),
    Case("CR alone", {"a.csv": csv(FIRST, SECOND, THIRD, end="\r")}, Taken(read=3, accepted=3)),
    Case(
        "CRLF and LF mixed",
        {"a.csv": csv(FIRST, end="\r\n") + csv(THIRD, header=SECOND)},
        Refused(("a.csv",)),
    ),
    Case("no newline at the end", {"a.csv": GOOD[:-1]}, Taken(read=3, accepted=3)),
    Case("empty lines", {"a.csv": csv(FIRST, "", SECOND, "", "", THIRD)}, Taken(read=3, accepted=3)),
    Case("empty lines of JSON", {"a.jsonl": THINGS.replace(b"}\n", b"}\n\n")}, Taken(read=3, accepted=3)),
    Case(
        "newlines in quotes",
        {"a.csv": csv(FIRST, row(2, category='"sho\nes, ""red"""'), THIRD)},
        Taken(read=3, accepted=2, quarantined=1, reasons={"category: goes on over several lines": 1}),
    ),
    Case(
        "a quote that is never closed",
        {"a.csv": csv(*(row(n, category='"TV 40' if n == 40 else "TV") for n in range(50)))},
        Taken(read=50, accepted=40, quarantined=10, reasons={"row: unquoted value": 10}),
    ),
    Case(
        "a quote that is closed rows later",
        {"a.csv": csv(*(row(n, category={40: '"TV 40', 45: 'TV 40"'}.get(n, "TV")) for n in range(50)))},
        Refused(("category: goes on over several lines", "<lines>")),
        max_bad_share=0.0,
    ),
    Case("blank lines before the header", {"a.csv": b"\n\n" + GOOD}, Taken(read=3, accepted=3)),
    Case(
        "quotes that only come late",
        {
            "a.csv": lambda: csv(
                *(row(n) for n in range(22_000)), row("late", category='"red, blue\nor green"')
            )
        },
        Taken(
            read=22_001, accepted=22_000, quarantined=1, reasons={"category: goes on over several lines": 1}
        ),
    ),
    Case(
        "too few and too many fields",
        {"a.csv": csv(FIRST, "2,2026-05-01", f"{THIRD},and,more", row(4))},
        Taken(read=4, accepted=2, quarantined=2, reasons={"row: ": 2}),
    ),
    Case(
        "ids that look like comments",
        {"a.csv": csv(row("#1"), row("2"), row("#3"))},
        Taken(read=3, accepted=3),
    ),
    Case(
        "semicolons and tabs in values",
        {"a.csv": csv(*(row(n, category="a;b;c;d;e;f;g\th") for n in range(5)))},
        Taken(read=5, accepted=5),
    ),
    Case(
        "one row that is a header again",
        {"a.csv": csv(FIRST, HEADER, THIRD)},
        Taken(read=3, accepted=2, quarantined=1, reasons={"occurred_at: not a time": 1}),
    ),
    Case(
        "ten thousand columns",
        {
            "a.csv": lambda: csv(
                FIRST + ",1" * 10_000, header=HEADER + "".join(f",c{n}" for n in range(10_000))
            )
        },
        Taken(read=1, accepted=1),
    ),
    Case(
        "a string of a megabyte",
        {
            "a.csv": lambda: csv(FIRST, row(2, category="x" * 1_000_000), THIRD),
            "b.jsonl": lambda: jsonl(thing(4, category="y" * 1_000_000)),
        },
        Taken(read=4, accepted=4),
    ),
    Case(
        "a string of twenty megabytes",
        {"a.csv": lambda: csv(FIRST, row(2, category="x" * 20_000_000), THIRD)},
        Taken(read=3, accepted=2, quarantined=1, reasons={"row: ": 1}),
    ),
)
NAMES = (
    Case(
        "SQL in a column name nobody maps",
        {"a.csv": csv(f"{FIRST},7", header=f'{HEADER},"x""; drop table events; --"')},
        Taken(read=1, accepted=1),
    ),
    Case(
        "SQL in a mapped column name",
        {"a.csv": csv(f"{FIRST},7", header=f'{HEADER},"x""; drop table events; --"')},
        Taken(read=1, accepted=1),
        columns={"margin": '"x""; drop table events; --"'},
    ),
    Case(
        "SQL in the name of a JSON field",
        {"a.jsonl": jsonl(thing(1, **{"'); drop table events; --": 1, '"$ipad': 2, "$latest": 3}), thing(2))},
        Taken(read=2, accepted=2),
    ),
    Case(
        "column names of our own",
        {
            "a.csv": csv(
                f"{FIRST},1,2,3,4,5,6,7,8,9",
                f"{SECOND},1,2,3,4,5,6,7,8,9",
                header=f"{HEADER},_file,_row,_keys,_link,_reasons,_source,customer_id,source,keys",
            )
        },
        Taken(read=2, accepted=2),
    ),
    Case(
        "column names of our own in a bad row",
        {
            "a.csv": csv(
                f"{row(1, ts='never')},1,2,3,4,5,6,7,8,9",
                header=f"{HEADER},_file,_row,_keys,_link,_reasons,_source,customer_id,source,keys",
            )
        },
        Taken(read=1, accepted=0, quarantined=1, reasons={"occurred_at: not a time": 1}),
    ),
    Case("a file name with quotes and wildcards", {"it's [1] 100%? 🎉.csv": GOOD}, Taken(read=3, accepted=3)),
    Case(
        "a file name that matches another",
        {"a[1].csv": csv(FIRST, SECOND), "a1.csv": csv(THIRD)},
        Taken(read=3, accepted=3),
    ),
)
JSON = (
    Case(
        "a tenth of the lines is garbage",
        {"a.jsonl": jsonl(*(thing(n) if n % 10 else "{]" for n in range(100)))},
        Taken(read=100, accepted=90, quarantined=10, reasons={"row: not JSON": 10}),
        max_bad_share=0.2,
    ),
    Case(
        "a tenth of the lines is garbage, a twentieth allowed",
        {"a.jsonl": jsonl(*(thing(n) if n % 10 else "{]" for n in range(100)))},
        Refused(("sources.shop", "10 of 100 rows are bad", "max_bad_share", "not JSON")),
        max_bad_share=0.05,
    ),
    Case(
        "an array, a text, a number, null and NaN",
        {"a.jsonl": jsonl(thing(1), json.dumps([thing(2)]), '"text"', "7", "null", '{"id": NaN}')},
        Taken(read=6, accepted=1, quarantined=5, reasons={"row: ": 4, "occurred_at: missing": 1}),
    ),
    Case(
        "a type that changes from line to line",
        {
            "a.jsonl": jsonl(
                *(thing(n, amount=v) for n, v in enumerate([1, "2", 3.5, None, {"x": 1}, [1], "much"]))
            )
        },
        Taken(read=7, accepted=4, quarantined=3, reasons={"value: not a number": 3}),
    ),
    Case(
        "text that is an object in one line",
        {"a.jsonl": jsonl(thing(1), thing(2, category={"de": "Schuhe"}), thing(3, ts=17))},
        Taken(read=3, accepted=2, quarantined=1, reasons={"occurred_at: not a time": 1}),
    ),
    Case(
        "keys twice in an object",
        {"a.jsonl": jsonl(thing(1), '{"id": "9", ' + json.dumps(thing(2))[1:], thing(3))},
        Taken(read=3, accepted=3),
    ),
    Case(
        "keys that differ in case",
        {"a.jsonl": jsonl(thing(1), thing(2, ID="other"), thing(3, **{"": 1}))},
        Taken(read=3, accepted=3),
    ),
    Case("nested a hundred times", {"a.jsonl": jsonl(nest(100), thing(2))}, Taken(read=2, accepted=2)),
    Case(
        "ids too large for any number",
        {"a.jsonl": jsonl(thing(1, id=10**30 + 1), thing(2, id=10**30 + 2), thing(3, id=0.5))},
        Taken(read=3, accepted=3),
    ),
    Case(
        "ids beside fractions",
        {"a.jsonl": jsonl(thing(1, id=2**53 + 1), thing(2, id=2**53), thing(3, id=0.5))},
        Taken(read=3, accepted=3),
    ),
    Case(
        "fields that only come late",
        {
            "a.jsonl": jsonl(
                *({k: v for k, v in thing(n).items() if k != "amount"} for n in range(3000)), thing("late")
            )
        },
        Taken(read=3001, accepted=3001),
    ),
)
VALUES = (
    Case(
        "times of 1970 and 2099",
        {
            "a.csv": csv(
                FIRST, row(2, ts="1970-01-01 00:00"), row(3, ts="2099-12-31 23:59"), row(4, ts="0000-00-00")
            )
        },
        Taken(
            read=4,
            accepted=1,
            quarantined=3,
            reasons={
                "occurred_at: below 1990": 1,
                "occurred_at: lies in the future": 1,
                "occurred_at: not a time": 1,
            },
        ),
    ),
    Case(
        "negative quantities",
        {"a.csv": csv(FIRST, row(2, quantity="-1"), row(3, quantity="-0.0"))},
        Taken(read=3, accepted=2, quarantined=1, reasons={"quantity: below 0": 1}),
    ),
    Case(
        "money that is no number in a CSV",
        {
            "a.csv": csv(
                FIRST,
                *(
                    row(n, amount=v)
                    for n, v in enumerate(["nan", "inf", "-Infinity", "1e400", "9" * 400, "1.0.0"], 2)
                ),
            )
        },
        Taken(read=7, accepted=1, quarantined=6, reasons={"value: not a ": 6}),
    ),
    Case(
        "money that is no number in Parquet",
        {
            "a.parquet": parquet(
                [
                    thing(n, amount=v)
                    for n, v in enumerate([1.0, float("nan"), float("inf"), float("-inf"), None])
                ]
            )
        },
        Taken(read=5, accepted=2, quarantined=3, reasons={"value: not a finite number": 3}),
    ),
    Case(
        "Parquet files of different types",
        {
            "a.parquet": parquet([thing(1)]),
            "b.parquet": parquet([thing(2, amount="20.5"), thing(3, amount="a lot")]),
            "c.parquet": parquet([thing(4, amount={"eur": 5})]),
            "d.parquet": parquet([thing(5, amount=[5])]),
            "e.parquet": parquet([thing(6)], amount=pa.decimal128(24, 2), quantity=pa.float32()),
            "f.parquet": parquet([thing(7, amount=b"\xff\xfe")]),
        },
        Taken(read=7, accepted=3, quarantined=4, reasons={"value: not a number": 4}),
    ),
    Case(
        "an empty key, a blank one, and everything empty",
        {"a.csv": csv(FIRST, row(2, mail=""), row(3, mail="   "), ",,,,,,")},
        Taken(read=4, accepted=1, quarantined=3, reasons={"customer_id: no identity key": 3}),
    ),
)
PLACES = (
    Case("a folder with a file's name", {"a.csv": Path("..")}, Refused(("sources.shop", "no file matches"))),
    Case("a link to itself", {"a.csv": Path("a.csv")}, Refused(("sources.shop", "no file matches"))),
    Case("a link to nothing beside a file", {"a.csv": Path("nothing.csv"), "b.csv": GOOD}, Taken(read=3, accepted=3)),
    Case("a file that cannot be read", {"a.csv": Path("/proc/self/mem"), "b.csv": GOOD}, Refused(("a.csv",))),
    Case("a file of another kind", {"a.xlsx": b"PK", "b.csv": GOOD}, Refused(("a.xlsx", ".csv"))),
)  # fmt: skip
CASES = (*ENCODING, *PACKED, *SHAPES, *NAMES, *JSON, *VALUES, *PLACES)
# What might take the whole process down is run in one of its own.
DANGEROUS = (
    Case("nested a hundred thousand times", {"a.jsonl": lambda: jsonl(nest(100_000), thing(2))},
         Taken(read=2, accepted=1, quarantined=1, reasons={"row: ": 1})),
    Case("ten thousand fields of JSON", {"a.jsonl": lambda: jsonl(thing(1, **{f"f{n}": n for n in range(10_000)}))},
         Taken(read=1, accepted=1)),
    Case("a line of a hundred megabytes",
         {"a.jsonl": lambda: jsonl(thing(1), thing(2, category="x" * 100_000_000), thing(3))},
         Taken(read=3, accepted=2, quarantined=1, reasons={"row: ": 1})),
)  # fmt: skip
