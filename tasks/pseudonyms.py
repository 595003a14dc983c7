"""The secret under which identity keys are hashed."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import duckdb
from pydantic import SecretStr

from models.identity import hash_key
from models.keys import normalise_key
from tasks.progress import report

_FILE = "pseudonym.key"


def read_secret(home: str, configured: SecretStr | None) -> bytes:
    """The pseudonymisation key: `SEGMENTWERK_PSEUDONYM_KEY`, else one made once and kept in `home`.

    Losing the key means that known customers come back as strangers; so back it up, and not beside the lake.

    Raises:
        ValueError: the lake lies on a URI, where no key file can be kept.
    """
    if configured is not None:
        return configured.get_secret_value().encode()
    if "://" in home:
        raise ValueError("SEGMENTWERK_PSEUDONYM_KEY is not set; a home on a URI needs it in the environment")
    file = Path(home) / _FILE
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            out.write(secrets.token_hex(32))
        report(f"made a pseudonymisation key in {file}; set SEGMENTWERK_PSEUDONYM_KEY to use your own")
    return file.read_text(encoding="ascii").strip().encode()


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
