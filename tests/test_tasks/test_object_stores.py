"""The report site in an object store: a real S3 server on this machine, and fsspec's own in memory."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import fsspec
import pytest
from pydantic import ValidationError

import tasks.object_stores
from monitoring.pages import ReportData
from tasks.destinations import Export
from tasks.destinations.publish import publish_site
from tasks.object_stores import Store, StoreError, open_store, publish_weeks
from tasks.reports import write_reports

WEEK = ReportData(
    "Shop", date(2026, 11, 16), "EUR", "Second week.", summary={}, evidently_html="<title>E</title>"
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """An S3 server's address; boto and s3fs find their way to it by the environment alone."""
    from moto.server import ThreadedMotoServer

    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    try:
        host, port = moto.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        moto.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server, "NO_PROXY": "127.0.0.1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    made = boto3.resource("s3").Bucket(f"b-{uuid4().hex}")
    made.create()
    return made


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """The reports of two weeks."""
    folder = tmp_path / "reports"
    for week in (replace(WEEK, as_of=date(2026, 11, 9), generated_note="First week."), WEEK):
        write_reports(week, folder=folder)
    return folder


def publish(reports: Path, uri: str, **options: str) -> tuple[Any, ...]:
    given = {
        "name": "site",
        "destination": "publish",
        "path": uri,
        "options": {"reports": str(reports)} | options,
    }
    return publish_site({}, Export.model_validate(given), WEEK.as_of)


def list_names(bucket: Any) -> set[str]:
    return {one.key for one in bucket.objects.all()}


def list_files(reports: Path, *weeks: str) -> set[str]:
    return {f"shop/{week}/{path.name}" for week in weeks for path in (reports / week).iterdir()}


def test_the_site_goes_up_with_its_past_weeks_and_latest(bucket: Any, reports: Path) -> None:
    uri = f"s3://{bucket.name}/shop"
    assert publish(reports, f"{uri}/") == (f"{uri}/latest/index.html",)
    assert list_names(bucket) == list_files(reports, "2026-11-09", "2026-11-16", "latest")
    page = bucket.Object("shop/latest/index.html").get()
    assert page["Body"].read() == (reports / "latest" / "index.html").read_bytes()


def test_a_browser_is_told_what_each_file_is(bucket: Any, reports: Path) -> None:
    publish(reports, f"s3://{bucket.name}/shop")
    kinds = {
        name: bucket.Object(f"shop/latest/{name}").content_type
        for name in ("index.html", "site.css", "site.js", "plotly.min.js")
    }
    assert kinds == {
        "index.html": "text/html; charset=utf-8", "site.css": "text/css; charset=utf-8",
        "site.js": "text/javascript; charset=utf-8", "plotly.min.js": "text/javascript; charset=utf-8",
    }  # fmt: skip
    assert bucket.Object("shop/latest/index.html").cache_control == "no-cache"


def test_past_weeks_stay_as_they_were_published_and_stale_files_go(bucket: Any, reports: Path) -> None:
    uri = f"s3://{bucket.name}/shop"
    publish(reports, uri)
    bucket.put_object(Key="shop/mine.txt", Body=b"keep")
    bucket.put_object(Key="shop/2026-11-09/index.html", Body=b"as it was")
    write_reports(replace(WEEK, evidently_html=None, generated_note="Once more."), folder=reports)
    publish(reports, uri)
    assert list_names(bucket) == list_files(reports, "2026-11-09", "2026-11-16", "latest") | {"shop/mine.txt"}
    assert "shop/latest/evidently.html" not in list_names(bucket)
    assert bucket.Object("shop/2026-11-09/index.html").get()["Body"].read() == b"as it was"
    assert b"Once more." in bucket.Object("shop/latest/index.html").get()["Body"].read()


@pytest.mark.parametrize("breaks_at", ["2026-11-16/index.html", "latest/drift.html", "latest/index.html"])
def test_an_upload_that_breaks_off_leaves_the_first_page_of_latest(
    bucket: Any, reports: Path, breaks_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"s3://{bucket.name}/shop"
    publish(reports, uri)
    before = bucket.Object("shop/latest/index.html").get()["Body"].read()
    write_reports(replace(WEEK, evidently_html=None, generated_note="Once more."), folder=reports)
    put = tasks.object_stores._put_file

    def break_off(store: Store, path: Path, target: str) -> None:
        if target.endswith(f"shop/{breaks_at}"):
            raise OSError("the line went dead")
        put(store, path, target)

    with monkeypatch.context() as broken:
        broken.setattr(tasks.object_stores, "_put_file", break_off)
        with pytest.raises(StoreError, match=f"{uri}: the report could not be published: the line went dead"):
            publish(reports, uri)
    assert bucket.Object("shop/latest/index.html").get()["Body"].read() == before
    assert list_files(reports, "latest") | {"shop/latest/evidently.html"} <= list_names(bucket)
    publish(reports, uri)
    assert b"Once more." in bucket.Object("shop/latest/index.html").get()["Body"].read()
    assert "shop/latest/evidently.html" not in list_names(bucket)


def test_a_bucket_that_is_not_there_is_an_error_and_is_not_made(bucket: Any, reports: Path) -> None:
    missing = f"missing-{uuid4().hex}"
    with pytest.raises(StoreError, match=rf"s3://{missing}/shop: .*see that the bucket is there"):
        publish(reports, f"s3://{missing}/shop")
    assert missing not in {one.name for one in boto3.resource("s3").buckets.all()}


@pytest.mark.usefixtures("prefect_server")
def test_keys_may_stand_in_a_block(
    bucket: Any, server: str, reports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.filesystems import RemoteFileSystem

    settings = {"key": "testing", "secret": "testing", "client_kwargs": {"region_name": "us-east-1"}}
    RemoteFileSystem(basepath=f"s3://{bucket.name}", settings=settings).save("reports", overwrite=True)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    publish(reports, f"s3://{bucket.name}/shop", block="remote-file-system/reports", endpoint_url=server)
    assert "shop/latest/index.html" in list_names(bucket)
    with pytest.raises(StoreError, match="block 'remote-file-system/nobody'"):
        publish(reports, f"s3://{bucket.name}/shop", block="remote-file-system/nobody")


def test_any_store_fsspec_speaks_to_will_do(reports: Path) -> None:
    uri = f"memory://{uuid4().hex}/shop"
    files = fsspec.filesystem("memory")
    assert publish_weeks(reports, open_store(uri)) == f"{uri}/latest/index.html"
    root = uri.removeprefix("memory:/")
    with files.open(f"{root}/latest/index.html") as page:
        assert page.read() == (reports / "latest" / "index.html").read_bytes()
    files.pipe_file(f"{root}/latest/old.html", b"old")
    publish_weeks(reports, open_store(uri))
    names = {Path(name).name for name in files.find(f"{root}/latest")}
    assert names == {path.name for path in (reports / "latest").iterdir()}
    with suppress(FileNotFoundError):
        files.rm(root.rpartition("/")[0], recursive=True)


def test_without_its_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = import_module("fsspec.registry")
    monkeypatch.delitem(registry._registry, "s3", raising=False)
    monkeypatch.setitem(
        registry.known_implementations, "s3", {"class": "nowhere_at_all.S3", "err": "Install s3fs"}
    )
    with pytest.raises(
        StoreError, match=r"s3://b/shop: what speaks s3:// is not installed; pip install segmentwerk\[s3\]"
    ):
        open_store("s3://b/shop")


def test_a_protocol_nobody_knows_is_an_error() -> None:
    with pytest.raises(StoreError, match="Protocol not known: floppy"):
        open_store("floppy://a/shop")


def test_only_what_can_is_given_a_uri() -> None:
    with pytest.raises(ValidationError, match="'bi' writes to this machine; give a path that is no URI"):
        Export.model_validate({"name": "a", "destination": "bi", "path": "s3://b/c"})
