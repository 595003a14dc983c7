"""Whether the model registry answers, and its champion is the one on record, with the files written at training."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from tasks.checks import Check, Examination, Finding, Shop, require_shop
from tasks.decisions import list_promotions
from tasks.lake import open_lake
from tasks.registry import Registry, list_versions, load_segmenter, locate_registry
from tasks.registry_faults import RegistryError, name_place

ANSWER_SECONDS = "5"
MANY_VERSIONS = 104  # two years of weeks


def look_at_registry(examination: Examination) -> Iterator[Finding]:
    shop = require_shop(examination)
    if shop.tracking_uri is None:
        if "://" in shop.home:
            yield Finding(
                "wrong", "a home on a URI keeps no models", "set mlflow_tracking_uri to your MLflow server"
            )
            return
        if not (Path(shop.home) / "mlflow.db").exists():
            yield Finding("warn", "there is no model yet", "run `segmentwerk weekly`")
            return
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", ANSWER_SECONDS)
    registry = locate_registry(shop.home, tracking_uri=shop.tracking_uri)
    try:
        yield from _look_at_models(registry, shop)
    except RegistryError as error:
        text = str(error)
        found, _, remedy = text.rpartition("; " if "; " in text else ": ")
        yield Finding("wrong", found or text, remedy if found else None)


def _look_at_models(registry: Registry, shop: Shop) -> Iterator[Finding]:
    versions = list_versions(registry)
    champion = load_segmenter(registry, "champion")
    where = name_place(registry.tracking_uri)
    if champion is None:
        yield Finding("warn", f"{where} has no champion yet", "run `segmentwerk weekly`")
    else:
        told = (
            f"{where} answers; champion is version {champion.version} of {len(versions)}, its files are right"
        )
        yield Finding("ok", told)
    if len(versions) > MANY_VERSIONS:
        yield Finding(
            "warn", f"{len(versions)} model versions are kept; none is deleted by itself",
            "see docs/operations.md, Models, for which may go",
        )  # fmt: skip
    decided = _read_decided(shop)
    if decided is not None and decided != (champion and champion.version):
        yield Finding(
            "warn", f"on record, version {decided} is champion, in the registry "
            f"{champion.version if champion else 'none'}", "nothing: the next run carries the decision out",
        )  # fmt: skip


def _read_decided(shop: Shop) -> str | None:
    """The champion by the last decision on record."""
    decisions = list_promotions(open_lake(shop.home))
    if decisions.empty or pd.isna(decisions["champion_version"].iloc[-1]):
        return None
    return str(decisions["champion_version"].iloc[-1])


CHECK = Check("registry", 50, look_at_registry)
