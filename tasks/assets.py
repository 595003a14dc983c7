"""The lineage of a run as Prefect's assets: sources → events → features → model → segments → reports.

They are told after the run is on record: until then nobody can see what it has made. Keys are URIs under the shop's
`home`; nothing has to lie there under exactly that name. What goes with them are counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.assets import Asset, AssetProperties, add_asset_metadata, materialize
from prefect.cache_policies import NO_CACHE

from models.mapping import Source
from tasks.logs import get_logger

MODEL = "models/segments"
# What sources of each table go into first; all others go into events.
FED = {"customers": "lake/features", "consents": "lake/features",
       "campaigns": "reports", "assignments": "reports", "costs": "reports"}  # fmt: skip
NAMES = {
    "lake/events": "events",
    "lake/features": "features",
    MODEL: "model segments",
    "lake/segments": "segments",
    "reports": "reports",
}
_LOGIN = re.compile(r"//[^/@]*@")
_NOT_IN_KEYS = re.compile(r"[^\w.:/@~+,=-]", re.ASCII)


@dataclass(frozen=True, slots=True)
class TracedAsset:
    """Something a run has made.

    Attributes:
        path: what it is, under the shop's home.
        made_from: the paths of what it was made from.
        counts: what there is to say of it.
    """

    path: str
    made_from: tuple[str, ...]
    counts: Mapping[str, Any]


def show_lineage(summary: Mapping[str, Any], *, home: str, sources: Sequence[Source]) -> int:
    """Tell Prefect what a weekly or daily run has made, of what; returns how many assets it took.

    Each is a task run that waits for those of what it was made from, so that the run's graph shows the lineage too.
    What cannot be told is logged and let go. To be called in a flow run, after `Lake.commit`.
    """
    told: dict[str, Any] = {}
    try:
        for asset in list_assets(summary, sources=sources):
            told[asset.path] = _materialize(asset, told, home=home)
    except Exception as error:  # a picture is worth less than the run it shows
        get_logger().warning("Prefect's assets do not show this run: %s", error)
    return sum(state.is_completed() for state in told.values())


def list_assets(summary: Mapping[str, Any], *, sources: Sequence[Source]) -> Iterator[TracedAsset]:
    """What a run made, in the order of making. A daily run makes no model and no reports."""
    about = {"as_of": summary["as_of"], "run_id": summary["run_id"]}

    def trace(path: str, *made_from: str, **counts: Any) -> TracedAsset:
        fed = (name_source(s.name) for s in sources if FED.get(s.table, "lake/events") == path)
        return TracedAsset(path, (*fed, *made_from), about | counts)

    ingest = summary["ingest"]
    yield trace("lake/events", **{k: ingest[k] for k in ("accepted", "duplicates", "quarantined")})
    yield trace("lake/features", "lake/events", customers=summary["customers"])
    if "promotion" in summary:
        decided = {k: summary["promotion"][k] for k in ("decision", "champion_version")}
        yield trace(MODEL, "lake/features", **decided)
    counts = {"customers": summary["customers"], "segments": len(summary["segments"])}
    yield trace("lake/segments", "lake/features", MODEL, **counts)
    if "reports" in summary:
        yield trace("reports", "lake/segments", "lake/events", campaigns=len(summary["campaigns"]))


def name_source(name: str) -> str:
    """The path of a source. Its address stays out of the key: it may hold a password."""
    return f"sources/{name}"


def make_key(path: str, *, home: str) -> str:
    """The URI of something under the home; a sign that Prefect does not take becomes an underscore."""
    root = _LOGIN.sub("//", home) if "://" in home else f"file:///{Path(home).as_posix().lstrip('/')}"
    return _NOT_IN_KEYS.sub("_", f"{root.rstrip('/')}/{path}")


def _materialize(asset: TracedAsset, told: Mapping[str, Any], *, home: str) -> Any:
    made, *others = (_describe(path, home=home) for path in (asset.path, *asset.made_from))
    known = {make_key(path, home=home) for path in told}

    @materialize(
        made, by="segmentwerk", name=f"show {NAMES[asset.path]}", cache_policy=NO_CACHE, persist_result=False,
        asset_deps=[other for other in others if other.key not in known],
    )  # fmt: skip
    def show(counts: Mapping[str, Any]) -> None:
        add_asset_metadata(made, dict(counts))

    # What was shown in this run need not be named: Prefect takes it from what is waited for.
    return show(
        asset.counts, wait_for=[told[path] for path in asset.made_from if path in told], return_state=True
    )


def _describe(path: str, *, home: str) -> Asset:
    name = NAMES.get(path, path.replace("sources/", "source "))
    return Asset(key=make_key(path, home=home), properties=AssetProperties(name=name))
