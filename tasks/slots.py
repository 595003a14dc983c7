"""Slots of the deployments' concurrency limits that are held by runs which no longer run: found, and released.

A run that dies with its worker stays `Running` on the server and keeps its slot, for good where the server has
restarted since: it keeps its leases in memory. A deployment with one slot then cancels every later run.

Whether a run is alive is told by its own heartbeats, not by its worker's: a run may outlive its worker. Every run of a
deployment of `prefect.yaml` sends one each 30 s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

TAG = "segmentwerk"
HEARTBEAT = "prefect.flow-run.heartbeat"
HEARTBEAT_SECONDS = 30
SILENCE = timedelta(seconds=4 * HEARTBEAT_SECONDS)
# A run that has not begun sends none, and fetching an image may take its time.
PENDING_PATIENCE = timedelta(minutes=10)
REMEDY = "segmentwerk doctor --release"


@dataclass(frozen=True, slots=True)
class HeldRun:
    """A run that the server counts as at work.

    Attributes:
        state: `PENDING`, `RUNNING` or `CANCELLING`.
        last_sign: when it was last heard of: its newest heartbeat, or the change into its state.
    """

    run_id: UUID
    name: str
    state: str
    last_sign: datetime


@dataclass(frozen=True, slots=True)
class SlotUse:
    """A deployment's limit as the server keeps it: slots in all, slots taken, runs at work."""

    deployment: str
    limit_name: str
    limit: int
    taken: int
    runs: tuple[HeldRun, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with a deployment's slots.

    Attributes:
        use: as it was found.
        alive: the runs at work that have been heard of lately.
        dead: those that have not.
        orphaned: slots taken for which there is no run at work at all.
        released: whether it has been put right.
    """

    use: SlotUse
    alive: tuple[HeldRun, ...]
    dead: tuple[HeldRun, ...]
    orphaned: int
    released: bool = False

    @property
    def healthy(self) -> bool:
        return self.released or not (self.dead or self.orphaned)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, in plain words; nothing where nothing is wrong."""
        use = self.use
        found = [
            f"{use.deployment}: run '{run.name}' is {run.state} but has been silent since "
            f"{run.last_sign:%Y-%m-%d %H:%M:%S} UTC; its process is gone"
            for run in self.dead
        ]
        if self.orphaned:
            found.append(
                f"{use.deployment}: {self.orphaned} of {use.limit} slots taken by no run that is at work"
            )
        return tuple(found)


def diagnose(use: SlotUse, *, now: datetime, silence: timedelta = SILENCE) -> Diagnosis:
    """Tell the living from the dead, and count the slots that nobody holds.

    Args:
        use: a deployment's slots and runs, read at one time.
        now: that time.
        silence: after so long without a sign a run is dead; one that is pending after `PENDING_PATIENCE`.
    """
    alive = tuple(run for run in use.runs if not _is_dead(run, now=now, silence=silence))
    dead = tuple(run for run in use.runs if run not in alive)
    return Diagnosis(use, alive, dead, orphaned=max(0, use.taken - len(use.runs)))


def _is_dead(run: HeldRun, *, now: datetime, silence: timedelta) -> bool:
    return now - run.last_sign > (max(silence, PENDING_PATIENCE) if run.state == "PENDING" else silence)


def examine_slots(*, silence: timedelta = SILENCE, release: bool = False) -> list[Diagnosis]:
    """Look at every deployment of Segmentwerk that has a limit, and put right what is wrong if asked to.

    Args:
        silence: after so long without a heartbeat a run is dead.
        release: mark dead runs as crashed, and give back slots that nobody holds.

    Raises:
        LookupError: no Prefect server is configured, or it has none of these deployments.
    """
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value():
        raise LookupError("there is no Prefect server to examine: set PREFECT_API_URL")
    with get_client(sync_client=True) as client:
        found = [diagnose(use, now=datetime.now(UTC), silence=silence) for use in _read_uses(client)]
        if not found:
            raise LookupError(
                f"no deployment with the tag '{TAG}' and a concurrency limit; run `segmentwerk deploy` first"
            )
        return [_release(client, one) if release and not one.healthy else one for one in found]


def _read_uses(client: SyncPrefectClient) -> list[SlotUse]:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

    deployments = client.read_deployments(
        deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    )
    # Slots are read before runs: one that begins in between is counted as a run without a slot, which does no harm,
    # where a slot without a run would be given back.
    return [
        SlotUse(one.name, limit.name, limit.limit, limit.active_slots, _read_runs(client, one.id))
        for one in deployments
        if (limit := one.global_concurrency_limit)
    ]


def _read_runs(client: SyncPrefectClient, deployment_id: UUID) -> tuple[HeldRun, ...]:
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterDeploymentId,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType

    at_work = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
    runs = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[deployment_id]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=at_work)),
        )
    )
    return tuple(
        HeldRun(run.id, run.name, run.state.type.value, _read_last_sign(client, run.id, run.state.timestamp))
        for run in runs
        if run.state is not None
    )


def _read_last_sign(client: SyncPrefectClient, run_id: UUID, since: datetime) -> datetime:
    from prefect.events.filters import EventFilter, EventNameFilter, EventOrder, EventResourceFilter

    newest = client.read_events(
        EventFilter(
            event=EventNameFilter(name=[HEARTBEAT]),
            resource=EventResourceFilter(id=[f"prefect.flow-run.{run_id}"]),
            order=EventOrder.DESC,
        ),
        limit=1,
    ).events
    return max(sign.astimezone(UTC) for sign in (since, *(event.occurred for event in newest)))


def _release(client: SyncPrefectClient, diagnosis: Diagnosis) -> Diagnosis:
    """Mark the dead as crashed, which gives their slots back; then make the count what it has to be."""
    from prefect.states import Crashed

    for run in diagnosis.dead:
        message = f"Silent since {run.last_sign:%Y-%m-%d %H:%M:%S} UTC: its process is gone."
        client.set_flow_run_state(run.run_id, Crashed(message=message), force=True)
    (now,) = (use for use in _read_uses(client) if use.limit_name == diagnosis.use.limit_name)
    _correct_count(client, now)
    return replace(diagnosis, released=True)


def _correct_count(client: SyncPrefectClient, use: SlotUse) -> None:
    """As many slots taken as there are runs at work. Where a dead run's lease had run out, Prefect has given back a
    slot that by then was another run's."""
    surplus = use.taken - len(use.runs)
    if surplus > 0:
        client.release_concurrency_slots([use.limit_name], slots=surplus, occupancy_seconds=1.0)
    elif surplus < 0:
        client.increment_concurrency_slots([use.limit_name], slots=-surplus, mode="concurrency")
