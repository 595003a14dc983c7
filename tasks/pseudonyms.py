"""The secret under which identity keys are hashed."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

import duckdb
from pydantic import SecretStr

from models.identity import hash_key
from models.keys import normalise_key
from tasks.home import make_home
from tasks.progress import report
from tasks.redaction import keep_secret

KEY_FILE = "pseudonym.key"


class KeyFileError(RuntimeError):
    """The file with the pseudonymisation key cannot be used as it is; the message says what to do."""


def read_secret(home: str, configured: SecretStr | None) -> bytes:
    """The pseudonymisation key: `SEGMENTWERK_PSEUDONYM_KEY`, else one made once and kept in `home`.

    Losing the key means that known customers come back as strangers; so back it up, and not beside the lake.

    Raises:
        ValueError: the lake lies on a URI, where no key file can be kept.
        KeyFileError: the file is empty, or other users of the machine may read it.
    """
    if configured is not None:
        return configured.get_secret_value().encode()
    if "://" in home:
        raise ValueError("SEGMENTWERK_PSEUDONYM_KEY is not set; a home on a URI needs it in the environment")
    file = Path(home) / KEY_FILE
    if not file.exists():
        make_key(home, secrets.token_hex(32))
        report(f"made a pseudonymisation key in {file}; set SEGMENTWERK_PSEUDONYM_KEY to use your own")
    _check_rights(file)
    key = file.read_text(encoding="ascii").strip()
    if not key:
        raise KeyFileError(f"{file} is empty; bring it back from a backup, else every customer is a stranger")
    keep_secret(key)
    return key.encode()


def make_key(home: str, key: str) -> None:
    """Keep a pseudonymisation key in `home`, for nobody else to read.

    Raises:
        FileExistsError: there is one; what is known under it would be lost.
    """
    file = Path(home) / KEY_FILE
    make_home(file.parent)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(key)


def _check_rights(file: Path) -> None:
    """Who can read the key can try addresses until one gives a hash that is stored."""
    mode = stat.S_IMODE(file.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        raise KeyFileError(
            f"{file} may be read by other users of this machine (mode {mode:o}): `chmod 600 {file}`, or give the key "
            "in SEGMENTWERK_PSEUDONYM_KEY"
        )


def hash_identity(kind: str, value: str, *, secret: bytes, calling_code: str | None = None) -> str:
    """A person's key as ingestion stores it: normalised by the same SQL, then hashed."""
    with duckdb.connect() as con:
        key = normalise_key(kind, "v", calling_code=calling_code)
        found = con.execute(f"SELECT {key} FROM (SELECT $value AS v)", {"value": value})
        row = found.fetchone()
    if row is None or row[0] is None:
        raise ValueError(
            f"{kind}: an empty value is no key; give KIND=VALUE, for example email=ada@example.org"
        )
    return hash_key(kind, row[0], secret=secret)
