"""What goes wrong between a run and MLflow, told in one line, and which of it may pass by itself.

Prefect tries again what may pass, MLflow does not: a server that restarts is waited for, one that stays away ends
the run within a minute. What has been written by then is found by the next run, so the remedy is always the same.
"""

from __future__ import annotations

import errno
import functools
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State, TaskRun
    from prefect.tasks import Task

# For tasks that talk to the registry. Where a server listens and never answers an attempt takes half a minute, so the
# last one starts within the half before.
RETRY_DELAYS = [1.0, 2.0, 4.0, 5.0, 5.0, 5.0, 5.0]
RETRIES = len(RETRY_DELAYS)
_LAST_RETRY_S = 25.0
_SQLITE = "sqlite:///"
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")
_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC)
_PASSING = ("TEMPORARILY_UNAVAILABLE", "SERVICE_UNDER_MAINTENANCE", "REQUEST_LIMIT_EXCEEDED")
_AGAIN = "run the same command again"


class RegistryError(RuntimeError):
    """The registry has not what was asked for, or what it has cannot be trusted; the message is one line."""


class RegistryUnreachableError(RegistryError):
    """Nobody answers, or another process holds the registry: later the same call may succeed."""


class _HasAddress(Protocol):
    @property
    def tracking_uri(self) -> str: ...


_R = TypeVar("_R", bound=_HasAddress)
_P = ParamSpec("_P")
_T = TypeVar("_T")


def explained(function: Callable[Concatenate[_R, _P], _T]) -> Callable[Concatenate[_R, _P], _T]:
    """A function of a registry whose failures in MLflow come out as a `RegistryError`."""

    @functools.wraps(function)
    def call(registry: _R, /, *args: _P.args, **options: _P.kwargs) -> _T:
        with explaining(registry.tracking_uri):
            return function(registry, *args, **options)

    return call


@contextmanager
def explaining(tracking_uri: str) -> Iterator[None]:
    """Turn what MLflow, its database, or the network raise inside the block into one line.

    Raises:
        RegistryUnreachableError: it may pass.
        RegistryError: it will not.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise _explain(error, tracking_uri=tracking_uri) from error


def name_place(tracking_uri: str) -> str:
    """Where the registry is, as it may be shown: a file's path, or an address without credentials."""
    if tracking_uri.startswith(_SQLITE):
        return tracking_uri.removeprefix(_SQLITE)
    parts = urlsplit(tracking_uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def check_database(tracking_uri: str) -> None:
    """Ask a registry's database for its tables, if it is one: MLflow would ask a dead one ten times, for minutes."""
    import sqlalchemy

    if urlsplit(tracking_uri).scheme.partition("+")[0] in _DATABASES:
        engine = sqlalchemy.create_engine(tracking_uri, poolclass=sqlalchemy.NullPool)
        sqlalchemy.inspect(engine).get_table_names()


def check_writable(tracking_uri: str, artifact_location: str | None) -> None:
    """Find out before the work that a registry in a folder cannot take its result.

    Raises:
        RegistryError: the database, its folder or the folder of the artifacts cannot be written.
    """
    if not tracking_uri.startswith(_SQLITE):
        return
    database = Path(tracking_uri.removeprefix(_SQLITE))
    needed = [database, database.parent]
    if artifact_location:
        needed.append(Path(unquote(urlsplit(artifact_location).path)))
    for path in needed:
        if path.exists() and not os.access(path, os.W_OK):
            raise _refuse_writing(str(path), why="permission denied")


def is_worth_retrying(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001
    """Prefect's question after a failed attempt: may it pass, and is there time left of the minute?"""
    if not isinstance(state.data, RegistryUnreachableError) or task_run.start_time is None:
        return False
    return (datetime.now(UTC) - task_run.start_time).total_seconds() < _LAST_RETRY_S


def _explain(error: Exception, *, tracking_uri: str) -> RegistryError:
    place, chain = name_place(tracking_uri), list(_walk(error))
    sqlite = next((one for one in chain if isinstance(one, sqlite3.Error)), None)
    if sqlite is not None:
        return _explain_sqlite(sqlite, place=place)
    refused = next((one for one in chain if isinstance(one, OSError) and one.errno in _UNWRITABLE), None)
    if refused is not None:
        return _refuse_writing(
            refused.filename or place, why=str(refused.strerror), full=refused.errno == errno.ENOSPC
        )
    if any(_may_pass(one) for one in chain):
        return RegistryUnreachableError(
            f"the model registry {place} does not answer ({_find_reason(chain)}): once it does, {_AGAIN}"
        )
    secret = urlsplit(tracking_uri).netloc.rpartition("@")[0]
    reason = _in_one_line(error).replace(f"{secret}@", "") if secret else _in_one_line(error)
    return RegistryError(f"the model registry {place} cannot be used: {reason}")


def _explain_sqlite(error: sqlite3.Error, *, place: str) -> RegistryError:
    code = getattr(error, "sqlite_errorname", "")
    if code.startswith(_BUSY):
        return RegistryUnreachableError(
            f"the model registry {place} is locked by another process: once that has ended, {_AGAIN}"
        )
    if code.startswith("SQLITE_READONLY"):
        return _refuse_writing(place, why="it is read-only")
    if code.startswith("SQLITE_FULL"):
        return _refuse_writing(place, why="the disk is full", full=True)
    return RegistryError(
        f"the model registry {place} cannot be used: {_in_one_line(error)}; restore it from a backup"
    )


def _refuse_writing(path: str, *, why: str, full: bool = False) -> RegistryError:
    remedy = "free some space" if full else "give this user the right to"
    return RegistryError(f"the model registry cannot be written: {path} ({why}); {remedy}, and {_AGAIN}")


def _may_pass(error: BaseException) -> bool:
    from mlflow.exceptions import MlflowException
    from requests import exceptions as http
    from sqlalchemy.exc import OperationalError

    if isinstance(error, http.HTTPError):
        return error.response is not None and error.response.status_code >= 500
    if isinstance(error, MlflowException):
        return error.error_code in _PASSING
    return isinstance(error, http.ConnectionError | http.Timeout | http.RetryError | OperationalError)


def _find_reason(chain: Sequence[BaseException]) -> str:
    """What the network said, without the request that was on its way."""
    said = (one.strerror for one in chain if isinstance(one, OSError) and one.strerror)
    return str(next(said, None) or _in_one_line(chain[-1])).lower()


def _walk(error: BaseException) -> Iterator[BaseException]:
    """The error and what lies behind it, the first cause last."""
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__ or one.__context__


def _in_one_line(error: BaseException) -> str:
    return re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
