"""Finding a source's files: where they are, in which order, and whether they have changed."""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import duckdb
import fsspec
import pytest

from models.mapping import Source
from tasks.sources import SourceError, find_reader, list_deliveries, load_readers, quote


def shop(path: str) -> Source:
    return Source(
        name="shop", path=path, keys={"email": "mail"}, columns={"occurred_at": "ts", "kind": "kind"}
    )


def touch(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("ts,kind,mail\n", encoding="utf-8")


def test_a_pattern_finds_files_by_name_and_no_folders(tmp_path: Path) -> None:
    touch(tmp_path / "in/b.csv", tmp_path / "in/a.csv", tmp_path / "in/c.txt", tmp_path / "in/old/d.csv")
    (tmp_path / "in/folder.csv").mkdir()
    found = list_deliveries(shop("in/*.csv"), base=str(tmp_path))
    assert [delivery.path for delivery in found] == [str(tmp_path / "in/a.csv"), str(tmp_path / "in/b.csv")]
    assert {delivery.source for delivery in found} == {"shop"}
    deep = list_deliveries(shop("in/**/*.csv"), base=str(tmp_path))
    assert [Path(delivery.path).name for delivery in deep] == ["a.csv", "b.csv", "d.csv"]


def test_a_whole_path_needs_no_base(tmp_path: Path) -> None:
    touch(tmp_path / "a.csv")
    (delivery,) = list_deliveries(shop(str(tmp_path / "a.csv")), base="/nowhere")
    assert delivery.path == str(tmp_path / "a.csv")


def test_no_file_is_an_error_that_says_where_was_looked(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        list_deliveries(shop("in/*.csv"), base=str(tmp_path))
    assert str(caught.value) == f'sources.shop: no file matches path = "in/*.csv" (looked in {tmp_path})'


def test_the_fingerprint_changes_when_the_file_does(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    touch(file)

    def read_fingerprint() -> str:
        return list_deliveries(shop("a.csv"), base=str(tmp_path))[0].fingerprint

    first = read_fingerprint()
    assert read_fingerprint() == first
    os.utime(file, (1_000_000_000, 1_000_000_000))
    later = read_fingerprint()
    assert later != first
    file.write_text("ts,kind,mail\n1,2,3\n", encoding="utf-8")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    assert read_fingerprint() not in (first, later)


@pytest.fixture
def remote() -> Iterator[str]:
    """An address on a file system that is not the local one."""
    folder = f"memory://{uuid4().hex}"
    filesystem = fsspec.filesystem("memory")
    for name in ("b.jsonl", "a.jsonl", "a.csv"):
        filesystem.pipe(f"{folder}/in/{name}", b"{}\n")
    yield folder
    filesystem.rm(folder, recursive=True)


def test_files_elsewhere_keep_their_address(remote: str) -> None:
    found = list_deliveries(shop(f"{remote}/in/*.jsonl"), base="/nowhere")
    names = [delivery.path.removeprefix("memory://").lstrip("/") for delivery in found]
    folder = remote.removeprefix("memory://")
    assert names == [f"{folder}/in/a.jsonl", f"{folder}/in/b.jsonl"]
    assert all(delivery.path.startswith("memory://") for delivery in found)
    for delivery in found:
        with fsspec.open(delivery.path, "rb") as file:
            assert file.read() == b"{}\n"


def test_a_changed_file_elsewhere_has_another_fingerprint(remote: str) -> None:
    source = shop(f"{remote}/in/a.csv")
    (first,) = list_deliveries(source, base="")
    assert list_deliveries(source, base="") == [first]
    fsspec.filesystem("memory").pipe(f"{remote}/in/a.csv", b"longer than before\n")
    (second,) = list_deliveries(source, base="")
    assert second.path == first.path
    assert second.fingerprint != first.fingerprint


@pytest.mark.parametrize(
    ("path", "reader"),
    [
        ("A.CSV", "csv"),
        ("x.csv.gz", "csv"),
        ("x.jsonl.zst", "jsonl"),
        ("s3://b/x.ndjson", "jsonl"),
        ("x.pq", "parquet"),
    ],
)
def test_the_end_of_the_name_chooses_the_reader(path: str, reader: str) -> None:
    assert find_reader(path).name == reader


def test_a_name_nobody_reads_is_refused_with_what_there_is() -> None:
    with pytest.raises(SourceError) as caught:
        find_reader("orders.xlsx")
    message = str(caught.value)
    assert message.startswith("there is no reader for this kind of file; its name must end in one of: ")
    assert {".csv", ".jsonl", ".parquet"} <= set(message.split(": ")[-1].split(", "))


def test_no_two_readers_answer_to_the_same_name() -> None:
    suffixes = [suffix for reader in load_readers().values() for suffix in reader.suffixes]
    assert len(set(suffixes)) == len(suffixes)


def test_a_path_with_a_quote_in_it_is_still_one_path(tmp_path: Path) -> None:
    file = tmp_path / "Ada's 'orders'.csv"
    file.write_text("ts,kind\n007,b\n", encoding="utf-8")
    con = duckdb.connect()
    scan = find_reader(str(file)).scan(con, str(file))
    assert con.execute(scan.rows).fetchall() == [("007", "b")]
    assert quote("a'b") == "'a''b'"
