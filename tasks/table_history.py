"""What a Delta table keeps beside its rows: former versions to go back to, files nobody reads any more, its log.

Each function takes a table by its URI and returns the version that it leaves, where it makes one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import pyarrow.fs
from deltalake import DeltaTable, WriterProperties
from deltalake.fs import DeltaStorageHandler

_LOG = "_delta_log"
_ENTRY = re.compile(r"^(\d{20})\.json$")
_CHECKPOINT = re.compile(r"^(\d{20})\.checkpoint\b.*\.parquet$")


@dataclass(frozen=True, slots=True)
class Log:
    """The versions a table's log has an entry of, and those it has a checkpoint of, in order."""

    entries: tuple[int, ...]
    checkpoints: tuple[int, ...]

    @property
    def newest_checkpoint(self) -> int:
        """−1 where there is none, so that every entry comes after it."""
        return self.checkpoints[-1] if self.checkpoints else -1

    def count_since_checkpoint(self) -> int:
        """Entries that have to be read to open the table."""
        return sum(version > self.newest_checkpoint for version in self.entries)

    def count_droppable(self, kept: Collection[int]) -> int:
        """Entries that none of the versions in `kept` needs, and that cleaning up would remove; 0 where it would
        remove others, too."""
        if self.newest_checkpoint > min(kept):
            return 0
        return sum(version < self.newest_checkpoint for version in self.entries)


def restore_version(delta: DeltaTable, version: int) -> int:
    """Make the table what it was; the version that it has then."""
    if delta.version() != version:
        delta.restore(version)
    return delta.version()


def purge_table(uri: str) -> int:
    """Remove every file that only former versions need; their log entries stay until `clean_log`."""
    # In full: a checkpoint forgets which files were taken out before it.
    _vacuum(uri, kept=(), dry_run=False)
    return add_checkpoint(uri)


def add_checkpoint(uri: str) -> int:
    """Let the log be read from here on."""
    delta = DeltaTable(uri)
    delta.create_checkpoint()
    return delta.version()


def clean_log(uri: str) -> None:
    """Remove the log entries from before the newest checkpoint; the versions before it cannot be read any more."""
    DeltaTable(uri).cleanup_metadata()


def read_log(uri: str) -> Log:
    """What the table's log consists of."""
    files = pyarrow.fs.PyFileSystem(DeltaStorageHandler(uri))
    names = [file.base_name for file in files.get_file_info(pyarrow.fs.FileSelector(_LOG))]
    return Log(_find_versions(_ENTRY, names), _find_versions(_CHECKPOINT, names))


def _find_versions(pattern: re.Pattern[str], names: Iterable[str]) -> tuple[int, ...]:
    return tuple(sorted({int(found[1]) for name in names if (found := pattern.match(name))}))


def count_small_files(uri: str, *, below: int) -> int:
    """The most files smaller than `below` bytes that lie in one partition of the table, or in all of it."""
    actions = DeltaTable(uri).get_add_actions(flatten=True)
    rows = zip(actions["path"].to_pylist(), actions["size_bytes"].to_pylist(), strict=True)
    counts = Counter(path.rpartition("/")[0] for path, size in rows if size < below)
    return max(counts.values(), default=0)


def compact_files(uri: str, *, target: int, writing: WriterProperties) -> int:
    """Join small files to some of about `target` bytes; the rows stay what they are."""
    delta = DeltaTable(uri)
    delta.optimize.compact(target_size=target, writer_properties=writing, max_concurrent_tasks=1)
    return DeltaTable(uri).version()


def list_unread_files(uri: str, *, kept: Collection[int]) -> list[str]:
    """Files that neither the table nor any of the versions in `kept` consists of."""
    return _vacuum(uri, kept=kept, dry_run=True)


def remove_unread_files(uri: str, *, kept: Collection[int]) -> int:
    """Remove them."""
    _vacuum(uri, kept=kept, dry_run=False)
    return DeltaTable(uri).version()


def _vacuum(uri: str, *, kept: Collection[int], dry_run: bool) -> list[str]:
    return DeltaTable(uri).vacuum(
        retention_hours=0, enforce_retention_duration=False, dry_run=dry_run, full=True,
        keep_versions=sorted(kept) or None,
    )  # fmt: skip


def read_version(uri: str) -> int:
    """The newest version of the table."""
    return DeltaTable(uri).version()


def list_missing_files(uri: str, version: int) -> list[str]:
    """Files that a version of the table consists of and that are not there."""
    paths = DeltaTable(uri, version=version).get_add_actions(flatten=True)["path"].to_pylist()
    files = pyarrow.fs.PyFileSystem(DeltaStorageHandler(uri))
    found = files.get_file_info(paths) if paths else []
    return [file.path for file in found if file.type == pyarrow.fs.FileType.NotFound]
