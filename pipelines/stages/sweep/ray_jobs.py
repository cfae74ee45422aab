"""Jobs on Ray: :func:`kws_tfmot.jobs.run_jobs` for workers that may be on other computers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kws_tfmot.jobs import Job, JobOutcome, JobQueue, Watch, attempt, limit_threads, relay

_LOOK = 0.2  # seconds between two looks at what workers tell
_RETRIES = 3


def run_ray_jobs(jobs: Sequence[Job], cores: int, watch: Watch) -> dict[str, JobOutcome]:
    """Run every job whose ``needs`` can be met, on the cluster that this process has joined.

    A job whose worker or node is lost is given to another, three times at most. Its work must therefore be repeatable,
    and its files written by renaming.

    Args:
        jobs: In the order in which they should be done.
        cores: Cores, and threads of TensorFlow, of each.
        watch: Is informed of everything.

    Returns:
        The outcome of every job by its name.
    """
    import ray
    from ray.util.queue import Queue

    if not jobs:
        return {}
    board = JobQueue(list(jobs), watch)
    messages = Queue(actor_options={"num_cpus": 0})
    remote = ray.remote(num_cpus=cores, max_retries=_RETRIES)(_serve)
    running: dict[Any, Job] = {}
    try:
        while True:
            while len(running) < _places(cores) and (job := board.take()) is not None:
                running[remote.remote(job, cores, messages)] = job
            if not running:
                return board.outcomes
            ended, _ = ray.wait(list(running), timeout=_LOOK)
            if waiting := messages.qsize():
                for name, kind, rest in messages.get_nowait_batch(waiting):
                    if name in {job.name for job in running.values()}:
                        relay(watch, name, kind, rest)
            for reference in ended:
                board.done(running.pop(reference), _outcome(reference))
    finally:
        messages.shutdown(force=True)


def _places(cores: int) -> int:
    """How many jobs the cluster has room for now; nodes may come and go."""
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 0)) // cores)


def _outcome(reference: Any) -> JobOutcome:
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        return JobOutcome(error=f"its worker was lost {_RETRIES + 1} times ({type(error).__name__})", trace=str(error))


def _serve(job: Job, cores: int, messages: Any) -> JobOutcome:
    limit_threads(cores)
    return attempt(job, lambda kind, *rest: messages.put((job.name, kind, rest)))
