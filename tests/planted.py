"""A person whose every mark is unmistakable: planted into sources of every format, and looked for in what was kept.

`plant` writes deliveries in which the person appears wherever people do appear: as identity keys, in a bad row, in
columns nobody mapped, in a URL, in capitals, in a nested JSON object, and where a mapped column should hold none of
it. `find_planted` then reads every byte below a folder, unpacked where a format hides text, in every disguise that
needs no secret to take off. `find_texts` does the same for any texts, such as the pseudonyms of a person forgotten.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who does not exist, with values that nothing else contains."""

    email: str = "zephyrine.quillfeather@planted-mail.example"
    phone: str = "+4917155501997"
    name: str = "Zephyrine Quillfeather"
    street: str = "Wobbelkamp 4711b"
    cookie: str = "ck-7f3d9b1e55aa-planted"
    crm: str = "CRM-PLANTED-880077"
    device: str = "dev-planted-00aa11bb22"
    loyalty_card: str = "6299009988776655"

    @property
    def keys(self) -> dict[str, str]:
        """The identity keys by kind."""
        return {
            "email": self.email, "phone": self.phone, "cookie": self.cookie, "crm": self.crm,
            "device": self.device, "loyalty_card": self.loyalty_card,
        }  # fmt: skip


PERSON = Person()
OTHERS = 40
CONFIG = """\
timezone = "Europe/Berlin"
home = "var"

[[sources]]
name = "orders"
path = "inbox/orders*.csv"
max_bad_share = 0.9
[sources.keys]
email = "mail"
phone = "tel"
loyalty_card = "card"
[sources.columns]
event_id = "id"
occurred_at = "ts"
kind = "kind"
value = "amount"
category = "category"

[[sources]]
name = "newsletter"
path = "inbox/newsletter*.csv.gz"
max_bad_share = 0.9
[sources.keys]
email = "mail"
[sources.columns]
occurred_at = "ts"
kind = "'email_click'"
category = "nullif(split_part(split_part(url, '?', 1), '/', 4), '')"

[[sources]]
name = "web"
path = "inbox/web*.jsonl.gz"
max_bad_share = 0.9
[sources.keys]
cookie = "visitor"
email = "profile.contact.email"
[sources.columns]
event_id = "id"
occurred_at = "ts"
kind = "kind"
category = "category"

[[sources]]
name = "app"
path = "inbox/app*.jsonl.zst"
max_bad_share = 0.9
[sources.keys]
device = "device"
[sources.columns]
occurred_at = "ts"
kind = "'session'"

[[sources]]
name = "crm"
table = "customers"
path = "inbox/crm*.parquet"
max_bad_share = 0.9
[sources.keys]
crm = "crm"
email = "mail"
[sources.columns]
country = "country"
first_seen = "since"
"""


def plant(folder: Path, person: Person = PERSON, *, delivery: str = "1") -> Path:
    """Write the configuration and one delivery of every source with the person in it; return the configuration.

    The same rows are delivered whatever the delivery is called: a second one repeats the first under other names.
    """
    inbox = folder / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    config = folder / "segmentwerk.toml"
    config.write_text(CONFIG, encoding="utf-8")
    (inbox / f"orders{delivery}.csv").write_text(_lines(_orders(person)), encoding="utf-8")
    (inbox / f"newsletter{delivery}.csv.gz").write_bytes(gzip.compress(_lines(_clicks(person)).encode()))
    (inbox / f"web{delivery}.jsonl.gz").write_bytes(gzip.compress(_lines(_views(person)).encode()))
    with pa.CompressedOutputStream(str(inbox / f"app{delivery}.jsonl.zst"), "zstd") as out:
        out.write(_lines(_sessions(person)).encode())
    pa.parquet.write_table(pa.Table.from_pylist(_customers(person)), inbox / f"crm{delivery}.parquet")
    return config


def find_planted(folder: Path, person: Person = PERSON) -> list[tuple[str, str]]:
    """Every file below a folder that holds something of the person: (path, what). Empty is what one hopes for."""
    return find_texts(folder, disguises(person))


def find_texts(folder: Path, texts: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Every file below a folder, or its name, that holds one of the texts, in any case of letters: (path, what)."""
    wanted = {what: text.lower() for what, text in texts.items()}
    found = set()
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        views = [name.encode(), *(_unpack(file.read_bytes()) if file.is_file() else ())]
        found |= {(name, what) for view in views for what, text in wanted.items() if text in view.lower()}
    return sorted(found)


def disguises(person: Person) -> dict[str, bytes]:
    """What to look for: every value as it is, and the e-mail address and the phone in forms anyone can undo."""
    plain = {"name": person.name, "surname": person.name.split()[-1], "street": person.street} | person.keys
    forms = {what: text.encode() for what, text in plain.items()}
    national = "0" + person.phone.removeprefix("+49")
    forms |= {
        "phone, national": national.encode(),
        "phone, digits": person.phone.removeprefix("+").encode(),
        "e-mail, local part": person.email.partition("@")[0].encode(),
        "e-mail, UTF-16": person.email.encode("utf-16-le"),
        "e-mail, in a URL": quote(person.email, safe="").encode(),
        "e-mail, escaped in JSON": person.email.replace("@", "\\u0040").encode(),
    }
    for what, text in (("e-mail", person.email), ("e-mail, capitals", person.email.upper())):
        forms[f"{what}, hex"] = text.encode().hex().encode()
        forms |= {f"{what}, base64 at {shift}": _base64(text, shift=shift) for shift in range(3)}
    spellings = {"e-mail": person.email, "e-mail, capitals": person.email.upper(), "phone": person.phone}
    for what, text in spellings.items():
        for algorithm in ("md5", "sha1", "sha256"):
            digest = hashlib.new(algorithm, text.encode(), usedforsecurity=False)
            forms |= {
                f"{what}, {algorithm}": digest.hexdigest().encode(),
                f"{what}, {algorithm} bytes": digest.digest(),
            }
    return forms


def _base64(text: str, *, shift: int) -> bytes:
    """The part of the text's base64 that does not depend on what stands before and after it."""
    encoded = base64.b64encode(b"\0" * shift + text.encode())
    return encoded[4 if shift else 0 : -4]


def _unpack(content: bytes, *, depth: int = 3) -> Iterator[bytes]:
    """The bytes, and what is packed in them."""
    yield content
    if depth == 0:
        return
    try:
        inside = list(_list_inside(content))
    except (OSError, EOFError, ValueError, pa.ArrowException, zipfile.BadZipFile, sqlite3.DatabaseError):
        return
    for one in inside:
        yield from _unpack(one, depth=depth - 1)


def _list_inside(content: bytes) -> Iterator[bytes]:
    if content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    elif content[:4] == b"\x28\xb5\x2f\xfd":
        yield pa.CompressedInputStream(pa.BufferReader(content), "zstd").read()
    elif content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    elif content[:6] == b"\x93NUMPY":
        yield "\n".join(map(str, np.load(io.BytesIO(content), allow_pickle=False).ravel().tolist())).encode()
    elif content[:16] == b"SQLite format 3\0":
        yield from _read_database(content)
    elif content[:1] == b"<":
        # Figures keep their numbers as base64 of the machine's own.
        for kind, data in re.findall(rb'"dtype":"(\w+)","bdata":"([^"]+)"', content):
            numbers = np.frombuffer(base64.b64decode(data), dtype=kind.decode())
            yield "\n".join(map(str, numbers.tolist())).encode()
    elif content[:4] == b"PAR1":
        table = pa.parquet.ParquetFile(io.BytesIO(content)).read()
        for column in table.columns:
            yield "\n".join({str(value) for value in column.to_pylist()}).encode()


def _read_database(content: bytes) -> Iterator[bytes]:
    with closing(sqlite3.connect(":memory:")) as database:
        # A copy in memory cannot have a log of writes beside it, and must not say that it has.
        database.deserialize(content[:18] + b"\1\1" + content[20:])
        tables = database.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (table,) in tables:
            for row in database.execute(f'select * from "{table}"'):
                yield from (value if isinstance(value, bytes) else str(value).encode() for value in row)


def _lines(rows: Iterable[str | dict[str, object]]) -> str:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n"


def _orders(person: Person) -> Iterator[str]:
    card = person.loyalty_card
    yield "id,ts,kind,amount,category,mail,tel,card,name,street,note"
    for n in range(OTHERS):
        yield f"{n},2026-05-01 10:00,purchase,{n},shoes,o{n}@else.example,+49 30 1000{n:03},card{n},O {n},Way {n},"
    who = f"{person.phone},{card},{person.name},{person.street}"
    yield f"p1,2026-05-01 10:00,purchase,10,shoes,{person.email},{who},calls from {person.phone}"
    yield f"p2,2026-05-02 10:00,purchase,10,shoes,  {person.email.upper()} ,{who},"
    yield f"p3,2026-05-02 11:00,purchase,10,shoes,,,{card},,,"
    # Bad in itself, and bad because a mapped column holds what it should not.
    yield f"p4,never,purchase,-1,shoes,{person.email},{who},write to {person.email.upper()}"
    yield f"p5,never,purchase,1,shoes,,0049 171 555 01997,{card},{person.name},{person.street},card {card}"
    yield f"p6,2026-05-03 10:00,purchase,10,{person.email},{person.email},{who},"
    yield f"p7,2026-05-03 11:00,purchase,10,{person.phone},{person.email},{who},"
    yield f"p8,2026-05-03 12:00,{person.email},10,shoes,{person.email},{who},"
    yield f"p9,2026-05-03 13:00,purchase,{person.email},shoes,{person.email},{who},"
    yield f"p10,{person.email}"


def _clicks(person: Person) -> Iterator[str]:
    yield "ts,url,mail"
    for n in range(OTHERS):
        yield f"2026-05-01 12:00,https://shop.example/sale?to=o{n},o{n}@else.example"
    coded = quote(person.email, safe="")
    yield f"2026-05-04 12:00,https://shop.example/sale?to={coded},{person.email}"
    yield f"then,https://shop.example/sale?to={coded}&tel={quote(person.phone)},{person.email}"
    yield f"2026-05-04 13:00,https://shop.example/{person.email}/sale,{person.email}"
    yield f"2026-05-04 14:00,https://shop.example/{coded}/sale,{person.email}"


def _views(person: Person) -> Iterator[str | dict[str, object]]:
    for n in range(OTHERS):
        contact = {"email": f"o{n}@else.example", "full_name": f"O {n}", "street": f"Way {n}"}
        yield {"id": f"{n}", "ts": "2026-05-01T09:00:00Z", "kind": "page_view", "visitor": f"v{n}",
               "category": "hats", "profile": {"contact": contact}}  # fmt: skip
    contact = {"email": person.email, "full_name": person.name, "street": person.street}
    whole: dict[str, object] = {
        "id": "w1", "ts": "2026-05-05T09:00:00Z", "kind": "page_view", "visitor": person.cookie, "category": "hats",
        "profile": {"contact": contact},
    }  # fmt: skip
    yield whole
    yield whole | {"id": "w2", "profile": {"contact": contact | {"email": person.email.upper()}}}
    yield whole | {"id": "w3", "ts": "later"}
    yield whole | {"id": "w4", "kind": "dance", "profile": {"contact": contact}}
    yield whole | {"id": "w5", "category": person.email}
    yield json.dumps(whole)[:-30]
    yield f"{person.name} <{person.email}>, {person.street}"


def _sessions(person: Person) -> Iterator[dict[str, object]]:
    for n in range(OTHERS):
        yield {"ts": "2026-05-01T08:00:00Z", "device": f"d{n}", "push_token": f"t{n}"}
    yield {"ts": "2026-05-06T08:00:00Z", "device": person.device, "push_token": person.device}
    yield {"ts": "soon", "device": person.device, "push_token": person.device}


def _customers(person: Person) -> list[dict[str, object]]:
    others: list[dict[str, object]] = [
        {"crm": f"k{n}", "mail": f"o{n}@else.example", "country": "DE", "since": "2026-01-01", "name": f"O {n}",
         "address": {"street": f"Way {n}"}}
        for n in range(OTHERS)
    ]  # fmt: skip
    whole: dict[str, object] = {
        "crm": person.crm, "mail": person.email, "country": "DE", "since": "2026-01-01", "name": person.name,
        "address": {"street": person.street},
    }  # fmt: skip
    return [*others, whole, whole | {"since": "once"}, whole | {"country": person.email}]
