"""A cluster of two nodes on this computer: a worker is killed, then a whole node; every trial finishes, once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from kws_tfmot.errors import RecipeError
from pipelines.stages.sweep.cluster import cluster, require_ray
from pipelines.stages.sweep.run import Where, absolute, run_sweep
from pipelines.stages.sweep.sweep_folder import SweepFolder
from pipelines.stages.sweep.sweep_settings import Sweep, trials_of
from tests.pipelines.sweep.fake import Plan, train
from tests.test_jobs import Log

pytestmark = [pytest.mark.usefixtures("ray_installed"), pytest.mark.xdist_group("ray")]
ROOT = Path(__file__).resolve().parents[3]
EPOCHS = 25
# A node that is gone is noticed within seconds.
NOTICE = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 1000, "health_check_failure_threshold": 4}


@pytest.fixture
def two_nodes(monkeypatch):
    """A head and another node, one core each."""
    require_ray()
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # the workers import tests.pipelines.sweep.fake
    from ray.cluster_utils import Cluster

    arguments = {"num_cpus": 1, "object_store_memory": 100 * 2**20}
    head = arguments | {"include_dashboard": False, "_system_config": NOTICE}
    nodes = patiently(lambda: Cluster(initialize_head=True, connect=False, head_node_args=head))
    yield nodes, patiently(lambda: nodes.add_node(**arguments))
    nodes.shutdown()


def patiently(start, attempts: int = 10):
    """What ``start`` starts: Ray gives a node half a minute, which a busy machine may not have for it."""
    for left in reversed(range(attempts)):
        try:
            return start()
        except Exception as error:
            if "timed out during startup" not in str(error) or not left:
                raise
    return None


def wait_for(condition, seconds: float = 600.0):
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def workers_on(folder: Path, node: str) -> list[Path]:
    """Marks of the workers that have begun a trial on ``node``."""
    return [path for path in folder.glob("fake/*/*.worker") if path.read_text() == node]


def end_workers(marks: list[Path]) -> None:
    for mark in marks:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(mark.stem), signal.SIGKILL)


def set_pace(folder: Path, seconds: float) -> None:
    """All at once: a trial never reads half a number."""
    (folder / "pace.new").write_text(str(seconds))
    (folder / "pace.new").replace(folder / "pace")


def _is_training(mark: Path) -> bool:
    epochs = mark.parent / "epochs"
    return epochs.exists() and 0 < int(epochs.read_text() or EPOCHS) < EPOCHS - 5


def test_every_trial_finishes_once_though_a_worker_and_a_node_are_killed(two_nodes, tmp_path: Path) -> None:
    nodes, second = two_nodes
    sweep = Sweep.parse(
        {
            "name": "two_nodes",
            "recipe": "demo",
            "changes": {"sparsity": None, "quantization": {"mode": "ptq"}, "train": {"epochs": EPOCHS}},
            "parameters": {"train.learning_rate": [0.1, 0.2, 0.3]},
            "early_stopping": None,
            "dense_first": False,
        }
    )
    plan = absolute(Plan(sweep, trials_of(sweep, Path()), "synthetic", tmp_path, work=train))
    SweepFolder(tmp_path).claim(plan.record())
    set_pace(tmp_path, 0.1)
    killed: list[Path] = []

    def kill() -> None:
        first = wait_for(lambda: [mark for mark in workers_on(tmp_path, second.node_id) if _is_training(mark)])[0]
        before = workers_on(tmp_path, second.node_id)  # trials that ended there are among them on a busy machine
        set_pace(tmp_path, 5)  # nothing ends while worker and node go
        os.kill(int(first.stem), signal.SIGKILL)
        others = wait_for(lambda: [mark for mark in workers_on(tmp_path, second.node_id) if mark not in before])
        nodes.remove_node(second, allow_graceful=False)
        end_workers(workers_on(tmp_path, second.node_id))  # they outlive it a little, and would end their trials
        killed.extend((first, others[0]))
        set_pace(tmp_path, 0.02)

    saboteur = threading.Thread(target=kill)
    saboteur.start()
    log = Log()
    result = run_sweep(plan, Where(nodes.address), log)
    saboteur.join()
    names = [cell.name for cell in plan.trials.cells]
    assert result.failures == {}
    assert sorted(row["cell"] for row in result.rows) == sorted(names)
    assert sorted((tmp_path / "finished.txt").read_text().split()) == sorted(names)  # each once
    assert all(len(accuracies) == EPOCHS for accuracies in result.epochs.values())
    assert len(killed) == 2
    for mark in killed:  # another worker went on with it
        assert len(list(mark.parent.glob("*.worker"))) >= 2
    assert sorted(log.over) == sorted(names)
    assert any("its worker was lost" in note for note in log.notes)
    # Another run of the same sweep has nothing to do, and starts nothing.
    again = run_sweep(plan, Where("127.0.0.1:1"), Log())
    assert again.rows == result.rows


@pytest.mark.parametrize(
    ("address", "reported"),
    [
        ("127.0.0.1:1", "no cluster answers"),
        ("ray://127.0.0.1:10001", "expected the address of a cluster as HOST:PORT"),
        ("somewhere", "expected the address of a cluster as HOST:PORT"),
    ],
)
def test_a_cluster_that_is_not_there_is_reported(address: str, reported: str) -> None:
    with pytest.raises(RecipeError, match=reported), cluster(address, 1, 1):
        pass
