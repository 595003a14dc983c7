"""Injects the faults and prints what came of them."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from queue import Empty, SimpleQueue

from own_prefect import OwnPrefect, serve_prefect

from faults import Fault, Kind, load_kinds
from faults.courses import COURSES, Course, Watched
from faults.lane import Lane
from faults.table import list_troubles, write_table
from faults.trial import Verdict, try_fault

# Read by Prefect and MLflow at import.
QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    "RUST_BACKTRACE": "0",
}


def main() -> int:
    """0 if every fault was survived, without a row lost or doubled."""
    wish = read_wish()
    os.environ |= QUIET
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    kinds = choose(load_kinds(), wish.kinds)
    hindered = {name: why for name, kind in kinds.items() if (why := kind.find_hindrance())}
    started = time.monotonic()
    verdicts = inject_all([kind for name, kind in kinds.items() if name not in hindered], wish)
    tell(f"{len(verdicts)} faults in {(time.monotonic() - started) / 60:.0f} minutes")
    if wish.json:
        print(json.dumps([asdict(one) for one in verdicts]))
    else:
        print(write_table(verdicts, hindered=hindered))
    for trouble in list_troubles(verdicts):
        tell(trouble)
    return 0 if verdicts and all(one.survived or not one.tried for one in verdicts) else 1


def read_wish() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("--kinds", default="", help="only these, by commas; a part of the name is enough")
    parser.add_argument("--flows", default="", help="only these, by commas")
    parser.add_argument("--sample", type=int, help="no more than so many, drawn evenly")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    parser.add_argument("--lanes", type=int, default=2, help="how many at a time")
    parser.add_argument("--json", action="store_true", help="every fault as an object instead of the table")
    return parser.parse_args()


def choose(kinds: dict[str, Kind], wanted: str) -> dict[str, Kind]:
    parts = [part for part in wanted.split(",") if part]
    return {n: kind for n, kind in kinds.items() if not parts or any(part in n for part in parts)}


def inject_all(kinds: Sequence[Kind], wish: argparse.Namespace) -> list[Verdict]:
    """Every fault, in as many lanes as are wished for."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="segmentwerk-faults-")))
        home = root / "server"
        home.mkdir()
        prefect = stack.enter_context(serve_prefect(home))
        tell("preparing shops and watching undisturbed runs")
        courses = [one for one in COURSES if not wish.flows or one.name in wish.flows.split(",")]
        with ThreadPoolExecutor(wish.lanes) as pool:
            opened = [
                pool.submit(open_lane, stack, root / f"lane{n}", prefect, courses) for n in range(wish.lanes)
            ]
            lanes = [one.result() for one in opened]
        watched = [lanes[0].watch(course) for course in courses]
        for one in watched:
            tell(f"{one.course.name}: {one.seconds:.1f} s, {len(one.boundaries)} boundaries")
        faults = list_faults(kinds, watched, seed=wish.seed, most=wish.sample)
        tell(f"{len(faults)} faults to inject")
        return share_out(faults, lanes)


def open_lane(stack: ExitStack, root: Path, prefect: OwnPrefect, courses: Sequence[Course]) -> Lane:
    """A lane that knows what each course leaves undisturbed."""
    lane = stack.enter_context(Lane(root, prefect))
    for course in courses:
        lane.watch(course)
    return lane


def list_faults(
    kinds: Sequence[Kind], watched: Sequence[Watched], *, seed: int = 0, most: int | None = None
) -> list[Fault]:
    """The faults of some kinds for some courses, in an order of chance; no more than `most`."""
    faults = [
        fault
        for kind in kinds
        for one in watched
        for fault in kind.list_faults(one, random.Random(f"{seed} {kind.name} {one.course.name}"))  # noqa: S311
    ]
    random.Random(seed).shuffle(faults)  # noqa: S311
    return faults[:most]


def share_out(faults: Sequence[Fault], lanes: Sequence[Lane]) -> list[Verdict]:
    waiting: SimpleQueue[Fault] = SimpleQueue()
    for fault in faults:
        waiting.put(fault)
    done: list[Verdict] = []
    counting = threading.Lock()

    def work(lane: Lane) -> None:
        while True:
            try:
                fault = waiting.get_nowait()
            except Empty:
                return
            verdict = try_fault(fault, lane)
            with counting:
                done.append(verdict)
                tell(describe(verdict, place=len(done), of=len(faults)))

    with ThreadPoolExecutor(len(lanes)) as pool:
        try:
            for one in [pool.submit(work, lane) for lane in lanes]:
                one.result()
        except KeyboardInterrupt:
            # The faults at work come to their end, no others are begun, and the table is of those there were.
            while not waiting.empty():
                waiting.get()
            tell("interrupted")
    return sorted(done, key=lambda one: (one.kind, [c.name for c in COURSES].index(one.course), one.moment))


def describe(verdict: Verdict, *, place: int, of: int) -> str:
    came = "survived" if verdict.survived else "did not come about" if not verdict.tried else "NOT SURVIVED"
    what = f"{verdict.kind}, {verdict.course}, {verdict.moment}"
    more = "; ".join(filter(None, (verdict.ended, verdict.message, *verdict.trouble)))
    return f"[{place}/{of}] {what}: {came} ({more}) {verdict.seconds:.0f} s"


def tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    raise SystemExit(main())
