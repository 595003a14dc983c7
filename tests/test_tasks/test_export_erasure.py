"""People are taken out of what was handed on: at once where it is there, later where it is not; and all is told."""

import shutil
from datetime import date
from pathlib import Path

import duckdb
import pyarrow
import pytest
from test_ingestion import RULES, A, lake, take_in, write_csv

from tasks.destinations import Export
from tasks.export_erasure import erase_from_exports, find_in_exports, list_owed, settle_exports
from tasks.export_ledger import describe_export, describe_map, list_exported, record_export
from tasks.forgotten import Forgotten
from tasks.lake import Lake, begin_run, open_lake, write_lake
from tasks.places import Places
from tasks.pseudonyms import hash_identity

DAY = date(2026, 5, 4)
KEYS = tuple(hash_identity("email", value, secret=RULES.secret) for value in ("ann@x.org", "bea@x.org"))
GONE = Forgotten(KEYS[:1], ("c_" + KEYS[0][:24], "c_former"))
LIST = [("Ann@X.org ", "A, Ann", None), ("bea@x.org", 'B "Bea"', "x\ny"), ("cy@x.org", None, "ä")]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A shop whose lake has a table; `var` is its home."""
    write_csv(tmp_path, "1.csv", A)
    take_in(tmp_path)
    return tmp_path


def find_places(folder: Path, *exports: Export) -> Places:
    return Places(
        reports=folder / "var" / "reports", language="en", exports=exports, tracking_uri=None, rules=RULES
    )


def suppress(folder: Path) -> None:
    rows = pyarrow.table({"key_kind": ["email"], "key_hash": list(KEYS[:1]), "erased_at": [_moment()]})
    with write_lake(str(folder / "var")) as target:
        target.append("suppressions", rows)
        target.commit(begin_run("by hand", DAY), {})


def _moment() -> pyarrow.Scalar:
    return pyarrow.scalar("2026-05-04T00:00:00Z").cast(pyarrow.timestamp("us", "UTC"))


def write_audience(file: Path, *customers: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = ["customer_id,segment_id,segment_name,strength", *(f'{c},1,"Big, loyal",0.5' for c in customers)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_list(file: Path) -> None:
    rows = pyarrow.table(
        dict(zip(("E-Mail", "name", "note"), map(list, zip(*LIST, strict=True)), strict=True))
    )
    with duckdb.connect() as con:
        con.register("rows", rows)
        con.execute(f"COPY rows TO '{file}' (FORMAT csv, HEADER true)")


def test_rows_go_from_audiences_of_every_day_and_all_others_stay_as_they_are(shop: Path) -> None:
    export = Export(name="all", destination="audience", path=shop / "out")
    for day in ("2026-04-27", "2026-05-04"):
        write_audience(shop / "out" / f"all_{day}.csv", "c_1", *GONE.names, "c_2")
    write_audience(shop / "out" / "others.csv", *GONE.names)
    left = shop / "out" / f".all_2026-05-04.{'0' * 32}.csv"
    write_audience(left, *GONE.names)
    with write_lake(str(shop / "var")) as target:
        copies = erase_from_exports(target, find_places(shop, export), GONE)
    assert [(copy.name, copy.state, copy.rows) for copy in copies] == [("all", "removed", 2)] * 2
    expected = (
        'customer_id,segment_id,segment_name,strength\nc_1,1,"Big, loyal",0.5\nc_2,1,"Big, loyal",0.5\n'
    )
    for day in ("2026-04-27", "2026-05-04"):
        assert (shop / "out" / f"all_{day}.csv").read_text(encoding="utf-8") == expected
    assert not left.exists()
    assert "c_former" in (shop / "out" / "others.csv").read_text(encoding="utf-8")


def test_a_contact_list_loses_the_row_of_the_key_however_it_is_written(shop: Path) -> None:
    file = shop / "letters.csv"
    write_list(file)
    lines = file.read_text(encoding="utf-8")
    export = Export(name="letters", destination="audience", path=file, campaign="c", join="crm.csv", key="email",
                    column="E-Mail")  # fmt: skip
    with write_lake(str(shop / "var")) as target:
        record_export(target, describe_export(export, DAY))
        places = find_places(shop)
        assert [(one.kind, rows) for one, rows in find_in_exports(target, places, GONE)] == [("contacts", 1)]
        (copy,) = erase_from_exports(target, places, GONE)
    assert (copy.kind, copy.state, copy.rows, copy.place) == ("contacts", "removed", 1, str(file.resolve()))
    assert copy.first_written == copy.last_written is not None
    (theirs,) = (line for line in lines.splitlines(keepends=True) if "Ann" in line)
    assert file.read_text(encoding="utf-8") == lines.replace(theirs, "")
    assert "Ann" not in file.read_text(encoding="utf-8")


def test_what_is_not_mounted_is_owed_and_done_when_it_is_there_again(shop: Path) -> None:
    file = shop / "mnt" / "share" / "all.csv"
    write_audience(file, "c_1", *GONE.names)
    export = Export(name="all", destination="audience", path=file)
    suppress(shop)
    with write_lake(str(shop / "var")) as target:
        record_export(target, describe_export(export, DAY))
        shutil.move(shop / "mnt" / "share", shop / "away")
        (copy,) = erase_from_exports(target, find_places(shop, export), GONE)
        assert copy.state == "owed"
        target.commit(begin_run("by hand", DAY), {})
    assert list_owed(lake(shop)) == {("audience", str(file.resolve())): "all"}
    told = lake(shop).table("owed_erasures").to_pandas().to_csv()
    assert not any(text in told for text in (*GONE.names, *GONE.key_hashes))
    assert settle(shop, export) == 1
    shutil.move(shop / "away", shop / "mnt" / "share")
    assert settle(shop, export) == 0
    assert GONE.names[0] not in file.read_text(encoding="utf-8")
    assert list_owed(lake(shop)) == {}
    assert settle(shop, export) == 0


def settle(folder: Path, export: Export) -> int:
    with write_lake(str(folder / "var")) as target:
        left = settle_exports(target, find_places(folder, export))
        target.commit(begin_run("by hand", DAY), {})
    return left


def test_the_receipt_tells_what_is_gone_changed_or_somebodys_own(shop: Path) -> None:
    (shop / "out").mkdir()
    broken = shop / "out" / "broken.csv"
    lost = Export(name="lost", destination="audience", path=shop / "out" / "lost.csv")
    changed = Export(name="changed", destination="audience", path=broken)
    never = Export(name="never", destination="bi", path=shop / "nowhere" / "bi")
    site = Export(name="site", destination="publish", path="s3://key@bucket/shop")
    broken.write_text("somebody,changed\n1\n", encoding="utf-8")
    picture = shop / "map.html"
    picture.write_text("a map", encoding="utf-8")
    with write_lake(str(shop / "var")) as target:
        for export in (lost, changed):
            record_export(target, describe_export(export, DAY))
        record_export(target, describe_map(picture, DAY))
        copies = erase_from_exports(target, find_places(shop, lost, changed, never), GONE)
        assert list_owed(target) == {}
    assert {copy.name: copy.state for copy in copies} == {
        "lost": "not there", "changed": "not readable", "map": "yours to delete",
    }  # fmt: skip
    assert describe_export(site, DAY).place == "s3://bucket/shop"
    sentences = [copy.describe() for copy in copies]
    assert all(f"written {copy.first_written}" in copy.describe() for copy in copies), sentences


def test_the_record_outlives_a_run_that_is_undone(shop: Path) -> None:
    export = Export(name="all", destination="audience", path=shop / "all.csv")

    def fail(target: Lake) -> None:
        record_export(target, describe_export(export, DAY))
        raise RuntimeError("died")

    with pytest.raises(RuntimeError, match="died"), write_lake(str(shop / "var")) as target:
        fail(target)
    with write_lake(str(shop / "var")):
        pass
    (one,) = list_exported(open_lake(str(shop / "var")))
    assert (one.name, one.kind, one.as_of) == ("all", "audience", DAY)


def test_a_published_site_is_rewritten_in_the_object_store(shop: Path) -> None:
    import fsspec

    files = fsspec.filesystem("memory")
    page = '<section aria-labelledby="map">\n<h2 id="map">The map</h2><script>7391.83</script></section>'
    for week in ("2026-05-04", "latest"):
        files.pipe_file(f"/forgetting/shop/{week}/segments.html", page.encode())
        files.pipe_file(f"/forgetting/shop/{week}/index.html", b"<html>index</html>")
    export = Export(name="site", destination="publish", path="memory://forgetting/shop")
    suppress(shop)
    with write_lake(str(shop / "var")) as target:
        record_export(target, describe_export(export, DAY))
        features = pyarrow.table(
            {"as_of": pyarrow.array([DAY], pyarrow.date32()), "customer_id": [GONE.names[0]], "aov": [1.0]}
        )
        target.append("features", features)
        (copy,) = erase_from_exports(target, find_places(shop, export), GONE)
    assert (copy.state, copy.rows) == ("removed", 2)
    for week in ("2026-05-04", "latest"):
        assert b"has asked to be forgotten" in files.cat_file(f"/forgetting/shop/{week}/segments.html")
