"""Erases a person from the lake and its history, and from exports, reports and models."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prefect import flow
from pydantic import SecretStr

from flows.settings import load_settings
from tasks.erasure import erase_customer, finish_erasure, request_erasure
from tasks.lake import ERASING_FLOW, begin_run, write_lake
from tasks.progress import plan, stage


@flow(name="forget-customer", persist_result=False)
def forget_customer(key_kind: str, key_hash: SecretStr, config: str = "segmentwerk.toml") -> dict[str, Any]:
    """Erase whoever holds an identity key, and keep a receipt that does not say who it was.

    Args:
        key_kind: email, phone, crm … as in the configuration.
        key_hash: the key as `segmentwerk forget --key KIND=VALUE` hashes it at the door. Prefect keeps the parameters
            of a run, so they may not name a person; what is given as a secret it does not keep at all.
        config: path of the configuration file.
    """
    settings = load_settings(config)
    places = settings.find_places()
    with write_lake(settings.home) as lake:
        finish_erasure(lake, places=places)
        run = begin_run(ERASING_FLOW, settings.last_whole_day(datetime.now(UTC)))
        plan(("finding the person", "erasing copies and tables", "erasing their history"))
        with stage("finding the person"):
            request_erasure(lake, run, key_kind=key_kind, key_hash=key_hash.get_secret_value())
        with stage("erasing copies and tables"):
            receipt = erase_customer(lake, run, places=places)
            lake.commit(run, receipt.to_dict())
        with stage("erasing their history"):
            lake.purge_history(run, receipt.to_dict())
    return receipt.to_dict()
