"""The report site in an object store: any that fsspec speaks to, by a URI such as `s3://bucket/reports`.

A store has no folders that change places at once. So a week's pages go up first and its index page last, then those
of `latest` in the same order, and what `latest` no longer has is removed at the end: until its index page is
replaced, `latest` opens as it was, or, if an upload breaks off between its pages, with pages of both weeks.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.redaction import describe_error
from tasks.reports import LATEST, list_weeks

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

INDEX = "index.html"
PACKAGES = {"s3": "segmentwerk[s3]", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}
# Word for word as browsers want them; what a machine's own tables say differs.
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}


class StoreError(OSError):
    """An object store cannot be used; the message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Store:
    """A place in an object store: what speaks to it, the path there, and the URI people know it by."""

    files: AbstractFileSystem
    root: str
    uri: str


def open_store(
    uri: str, *, block: str | None = None, endpoint_url: str | None = None, profile: str | None = None
) -> Store:
    """The place a URI names.

    Args:
        uri: protocol, bucket and prefix.
        block: a block of Prefect's, `remote-file-system/name`, whose settings hold the keys; None: the environment
            does.
        endpoint_url: of a store that speaks like Amazon's.
        profile: of the machine's AWS configuration.

    Raises:
        StoreError: its package is not installed, fsspec does not know the protocol, or there is no such block.
    """
    from fsspec.core import url_to_fs

    protocol = uri.partition("://")[0]
    given = {"endpoint_url": endpoint_url, "profile": profile}
    settings = _read_block(block) | {name: value for name, value in given.items() if value is not None}
    try:
        # Listings must be fresh: another process may have published since.
        files, root = url_to_fs(uri, use_listings_cache=False, **settings)
    except ImportError:
        package = PACKAGES.get(protocol, "its fsspec package")
        raise StoreError(
            f"{uri}: what speaks {protocol}:// is not installed; pip install {package}"
        ) from None
    except (ValueError, TypeError) as error:
        raise StoreError(f"{uri}: {describe_error(error)}") from None
    return Store(files, root.rstrip("/"), uri)


def publish_weeks(reports: Path, store: Store, *, again: str = "") -> str:
    """Upload the newest report, and past ones that are not there yet; the URI of the newest one's index page.

    Args:
        reports: the folder the reports are in, of which there is at least one.
        again: a week that has been made anew, and is uploaded though it is there.

    Raises:
        StoreError: the store cannot be reached, or refuses.
    """
    newest, *past = list_weeks(reports)
    try:
        for week in reversed(past):
            if week == again or not store.files.exists(f"{store.root}/{week}/{INDEX}"):
                _upload_site(reports / week, store, week)
        _upload_site(reports / newest, store, newest)
        _upload_site(reports / newest, store, LATEST)
    except Exception as error:  # each kind of store has errors of its own
        said = describe_error(error)
        raise StoreError(
            f"{store.uri}: the report could not be published: {said}; see that the bucket is there and may be "
            "written to, then run `segmentwerk export` again"
        ) from error
    return f"{store.uri}/{LATEST}/{INDEX}"


def rewrite_pages(store: Store, rewrite: Callable[[str, str, str], str]) -> int:
    """Replace every page by what `rewrite` makes of its week, its file's name and its text; how many changed."""
    changed = 0
    for file in store.files.find(store.root):
        week, name = file.split("/")[-2:]
        if not name.endswith(".html"):
            continue
        page = store.files.cat_file(file).decode("utf-8")
        fresh = rewrite(week, name, page)
        if fresh != page:
            with tempfile.TemporaryDirectory() as scratch:
                local = Path(scratch) / name
                local.write_text(fresh, encoding="utf-8", newline="\n")
                _put_file(store, local, file)
            changed += 1
    return changed


def _upload_site(source: Path, store: Store, name: str) -> None:
    target = f"{store.root}/{name}"
    pages = sorted(source.iterdir(), key=lambda path: (path.name == INDEX, path.name))
    for path in pages:
        _put_file(store, path, f"{target}/{path.name}")
    kept = {path.name for path in pages}
    stale = [file for file in store.files.find(target) if file.rpartition("/")[2] not in kept]
    if stale:
        store.files.rm(stale)


def _put_file(store: Store, path: Path, target: str) -> None:
    protocols = store.files.protocol
    spoken = (protocols,) if isinstance(protocols, str) else tuple(protocols)
    kind = CONTENT_TYPES.get(path.suffix) or guess_type(path.name)[0] or "application/octet-stream"
    # A page keeps its address and changes its content: browsers are to ask whether it has.
    told = {"ContentType": kind, "CacheControl": "no-cache"} if "s3" in spoken else {}
    store.files.put_file(str(path), target, **told)


def _read_block(name: str | None) -> dict[str, Any]:
    if name is None:
        return {}
    from prefect.blocks.core import Block
    from prefect.filesystems import RemoteFileSystem

    try:
        block: Any = Block.load(name)
    except ValueError as error:
        raise StoreError(f"block '{name}': {error}") from None
    if not isinstance(block, RemoteFileSystem):
        raise StoreError(
            f"block '{name}' is a {type(block).__name__}; options.block takes one of type remote-file-system"
        )
    return dict(block.settings)
