"""A flow whose process is killed in the middle of it, as the kernel does where memory runs out."""

import os
import signal

from prefect import flow

from flows.failure import tell_failure


@flow(name="doomed", on_failure=[tell_failure], on_crashed=[tell_failure], persist_result=False)
def die(config: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
