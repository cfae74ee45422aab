from __future__ import annotations

import json

import pytest

from kws_tfmot.errors import DataError, KwsError, RecipeError
from kws_tfmot.files import replacing, write_text
from kws_tfmot.runs import MANIFEST, Run, StageResult, key_of, working_in


class Counted:
    """A stage that counts how often it works."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.times = 0

    def __call__(self, key: str) -> StageResult:
        self.times += 1
        write_text(self.run.path("out.txt"), f"made {self.times}")
        return StageResult(("out.txt",), {"times": self.times})


def test_a_stage_is_skipped_while_nothing_changed(tmp_path) -> None:
    run = Run(tmp_path / "run")
    work = Counted(run)
    assert run.stage("make", {"seed": 1}, work)
    assert not run.stage("make", {"seed": 1}, work)
    assert not Run(tmp_path / "run").stage("make", {"seed": 1}, work)
    assert work.times == 1


def test_changed_inputs_files_or_force_do_it_again(tmp_path) -> None:
    run = Run(tmp_path / "run")
    work = Counted(run)
    run.stage("make", {"seed": 1}, work)
    assert run.stage("make", {"seed": 2}, work)
    run.path("out.txt").write_text("touched by hand")
    assert run.stage("make", {"seed": 2}, work)
    run.path("out.txt").unlink()
    assert run.stage("make", {"seed": 2}, work)
    assert Run(tmp_path / "run", force=True).stage("make", {"seed": 2}, work)
    assert run.figures("make") == {"times": 4}


def test_files_that_somebody_removed_meanwhile_are_named(tmp_path) -> None:
    run = Run(tmp_path / "run")
    run.stage("make", {}, Counted(run))
    run.require_files()
    run.path("out.txt").unlink()
    with pytest.raises(DataError, match=r"removed from .*run while it was being built: out\.txt"):
        run.require_files()


def test_a_record_that_was_edited_is_not_believed(tmp_path) -> None:
    run = Run(tmp_path / "run")
    work = Counted(run)
    run.stage("make", {"seed": 1}, work)
    manifest = tmp_path / "run" / MANIFEST
    written = json.loads(manifest.read_text())
    for change in ({"figures": {}}, {"figures": {"times": 7}}, {"seconds": 0}):
        stored = json.loads(json.dumps(written))
        stored["stages"]["make"] |= change
        manifest.write_text(json.dumps(stored))
        assert Run(tmp_path / "run").stage("make", {"seed": 1}, work)
    del written["stages"]["make"]["sha256"]  # as earlier versions wrote it
    write_text(tmp_path / "run" / "out.txt", "made 1")
    manifest.write_text(json.dumps(written))
    assert not Run(tmp_path / "run").stage("make", {"seed": 1}, work)


def test_what_another_process_did_before_this_one_held_the_run_is_not_done_again(tmp_path) -> None:
    late = Run(tmp_path / "run")
    first = Run(tmp_path / "run")
    work = Counted(first)
    with first.locked():
        first.stage("make", {"seed": 1}, work)
    with late.locked():
        assert not late.stage("make", {"seed": 1}, work)
        late.stage("other", {}, Counted(late))
    assert Run(tmp_path / "run").stages == ("make", "other")


def test_a_failed_stage_is_not_recorded(tmp_path) -> None:
    run = Run(tmp_path / "run")

    def fail(key: str) -> StageResult:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run.stage("make", {}, fail)
    assert not run.is_current("make", "anything")
    assert run.stage("make", {}, Counted(run))


def test_foreign_directories_are_refused(tmp_path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(RecipeError, match="holds no run"):
        Run(tmp_path)
    with pytest.raises(RecipeError, match="Received the file"):
        Run(tmp_path / "holiday.jpg")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / MANIFEST).write_text("{}")
    with pytest.raises(RecipeError, match="not a manifest"):
        Run(tmp_path / "other")


def test_two_processes_do_not_share_a_run(tmp_path) -> None:
    first, second = Run(tmp_path / "run"), Run(tmp_path / "run")
    with first.locked(), pytest.raises(RecipeError, match="another process"), second.locked():
        pass
    with second.locked():
        assert second.path(".lock").exists()


def test_an_interrupted_write_leaves_the_old_file(tmp_path) -> None:
    path = write_text(tmp_path / "model.bin", "old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_takes_over_finished_stages_of_another(tmp_path) -> None:
    other, run = Run(tmp_path / "other"), Run(tmp_path / "run")
    work = Counted(other)
    other.stage("make", {"seed": 1}, work)
    run.adopt(other, ["make", "never done"])
    own = Counted(run)
    assert not run.stage("make", {"seed": 1}, own)
    assert run.path("out.txt").read_text() == "made 1"
    assert run.stage("make", {"seed": 2}, own)
    run.adopt(other, ["make"])  # the other's is taken whenever it is another one; what fits is decided by the stage
    assert run.is_current("make", key_of("make", {"seed": 1}))


def test_an_interrupted_training_is_not_begun_anew_with_another_recipe(tmp_path) -> None:
    def interrupted(_: str) -> StageResult:
        raise KeyboardInterrupt

    def rounds(_: str) -> StageResult:
        run.stage("sparsify-1", ["a", 1], lambda _: StageResult(), trains=True)
        run.stage("sparsify-2", ["a", 2], interrupted, trains=True)
        return StageResult()

    run = Run(tmp_path)
    run.stage("train", "dense", lambda _: StageResult(), trains=True)
    with pytest.raises(KeyboardInterrupt):
        run.stage("sparsify", "a", rounds, trains=True)
    for name, inputs in (("sparsify", "b"), ("train", "other")):
        with pytest.raises(RecipeError, match=r"'sparsify' was interrupted.* under another recipe, code or"):
            Run(tmp_path).stage(name, inputs, lambda _: StageResult(), trains=True)
    done: list[str] = []
    run = Run(tmp_path)
    run.stage("sparsify", "a", lambda key: done.append(key) or StageResult(), trains=True)
    assert len(done) == 1
    assert Run(tmp_path, force=True).stage("sparsify", "b", lambda _: StageResult(), trains=True)


def test_a_refused_training_may_be_corrected(tmp_path) -> None:
    def refused(_: str) -> StageResult:
        raise RecipeError("no")

    with pytest.raises(RecipeError, match="no"):
        Run(tmp_path).stage("sparsify", "a", refused, trains=True)
    assert Run(tmp_path).stage("sparsify", "b", lambda _: StageResult(), trains=True)


def test_a_run_that_was_killed_before_its_first_stage_goes_on(tmp_path) -> None:
    with Run(tmp_path / "run").locked():
        (tmp_path / "run" / "half-made.bin").write_bytes(b"x")
    assert Run(tmp_path / "run").stage("make", {}, Counted(Run(tmp_path / "run")))


@pytest.mark.parametrize(
    "manifest",
    ['{"format": 1, "stages": []}', '{"format": 1, "stages": {"train": 5}}', "[]", "null", '{"format": 1}',
     '{"format": 1, "stages": {"a": {"key": "k", "seconds": 1, "outputs": [], "figures": {}}}}',
     '{"format": 1, "stages": {}, "begun": []}'],
)  # fmt: skip
def test_a_manifest_of_another_shape_is_refused(tmp_path, manifest: str) -> None:
    (tmp_path / MANIFEST).write_text(manifest)
    with pytest.raises(RecipeError, match="not a manifest"):
        Run(tmp_path)


@pytest.mark.parametrize("place", ["file", "file/below", "y" * 300])
def test_a_run_where_none_can_be_is_refused(tmp_path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(KwsError):
        Run(tmp_path / place)


def test_other_code_or_threads_do_a_stage_again(tmp_path, monkeypatch) -> None:
    run = Run(tmp_path / "run")
    work = Counted(run)
    monkeypatch.setattr("kws_tfmot.runs.source_digest", lambda _: "one")
    assert run.stage("make", {}, work)
    assert not run.stage("make", {}, work)
    monkeypatch.setattr("kws_tfmot.runs.source_digest", lambda _: "two")
    assert run.stage("make", {}, work)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")
    assert run.stage("make", {}, work)
    assert not run.stage("make", {}, work)


def test_a_stage_names_the_commit_that_did_it(tmp_path, monkeypatch) -> None:
    other, run = Run(tmp_path / "other"), Run(tmp_path / "run")
    monkeypatch.setattr("kws_tfmot.runs.own_commit", lambda: "old")
    other.stage("train", {}, Counted(other))
    monkeypatch.setattr("kws_tfmot.runs.own_commit", lambda: "new")
    run.adopt(other, ["train"])
    run.stage("count", {}, lambda _: StageResult())
    assert run.commits() == {"train": "old", "count": "new"}


def _writes(run: Run, *names: str):
    def work(_: str) -> StageResult:
        for name in names:
            write_text(run.path(name), "x")
        return StageResult(names, {"files": len(names)})

    return work


def test_files_that_a_stage_writes_no_more_are_moved_aside(tmp_path) -> None:
    run = Run(tmp_path)
    run.stage("convert", 1, _writes(run, "int8", "float32", "shared"))
    run.stage("other", 1, _writes(run, "shared"))
    run.stage("convert", 2, _writes(run, "int8"))
    assert run.moved_aside == ["float32"]
    assert run.path("int8").is_file() and run.path("shared").is_file()  # another stage has it still
    assert not run.path("float32").exists() and run.path("aside/float32").is_file()


def test_stages_that_a_recipe_has_no_more_leave_neither_figures_nor_files(tmp_path) -> None:
    run = Run(tmp_path)
    run.stage("train", 1, _writes(run, "float"))
    run.stage("sparsify", 1, _writes(run, "pruned"))
    assert run.retire(["sparsify", "never done"]) == ["pruned"]
    for again in (run, Run(tmp_path)):
        assert again.figures("sparsify") == {} and again.stages == ("train",)
    assert not run.path("pruned").exists() and run.path("float").is_file()


def test_what_is_refused_before_anything_is_made_leaves_no_folder(tmp_path) -> None:
    run = Run(tmp_path / "a" / "b")
    with pytest.raises(RecipeError), run.locked():
        raise RecipeError("no such word")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "own").mkdir()
    run = Run(tmp_path / "own")
    with pytest.raises(RecipeError), run.locked():
        raise RecipeError("no such word")
    assert list((tmp_path / "own").iterdir()) == []


def test_what_fails_later_keeps_what_was_made(tmp_path) -> None:
    run = Run(tmp_path / "a")

    def work(_: str) -> StageResult:
        run.path("made.txt").write_text("x")
        return StageResult(("made.txt",))

    with pytest.raises(RecipeError), run.locked():
        run.stage("first", 1, work)
        raise RecipeError("the next one fails")
    assert Run(tmp_path / "a").stages == ("first",)


@pytest.mark.parametrize("name", ["../kept.txt", "/etc/hostname", "a/../../kept.txt", "", "a\0b", "\ud800"])
def test_a_manifest_that_lists_files_outside_of_its_folder_is_refused(tmp_path, name: str) -> None:
    """Files of a stage that is done again are moved aside: a stranger's manifest must not name others."""
    (tmp_path / "kept.txt").write_text("mine")
    folder = tmp_path / "run"
    folder.mkdir()
    record = {"key": "k", "seconds": 1, "outputs": {name: "00"}, "figures": {}}
    (folder / MANIFEST).write_text(json.dumps({"format": 1, "stages": {"prepare": record}}))
    with pytest.raises(RecipeError, match="is not a manifest"):
        Run(folder)
    assert (tmp_path / "kept.txt").read_text() == "mine"


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 10_000, '{"a": "\\ud800"}', "\ufeff{}", ""])
def test_what_is_no_json_is_no_manifest(tmp_path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(RecipeError, match="is not a manifest"):
        Run(tmp_path)


def test_a_folder_of_several_builds_that_is_refused_at_once_is_taken_back(tmp_path) -> None:
    with pytest.raises(RecipeError), working_in(tmp_path / "a" / "sweep", ("plan.json", "checked")):
        (tmp_path / "a" / "sweep" / "plan.json").write_text("{}")
        (tmp_path / "a" / "sweep" / "checked").mkdir()
        raise RecipeError("no such data")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RecipeError), working_in(tmp_path / "b", ("plan.json",)):
        (tmp_path / "b" / "row.json").write_text("{}")
        raise RecipeError("later")
    assert (tmp_path / "b" / "row.json").is_file()
    with working_in(tmp_path / "c", ()):
        with pytest.raises(RecipeError, match="another process"), working_in(tmp_path / "c", ()):
            pass
        assert (tmp_path / "c" / ".lock").is_file()


def test_links_out_of_a_strangers_run_write_and_empty_nothing(tmp_path) -> None:
    """What is moved aside would land where the link leads; a lock that is a link would empty what it leads to."""
    outside, folder = tmp_path / "home", tmp_path / "run"
    outside.mkdir()
    (outside / "kept.txt").write_text("mine")
    with Run(folder).locked():
        Run(folder).stage("make", {}, Counted(Run(folder)))
    (folder / "aside").symlink_to(outside)
    with pytest.raises(RecipeError, match=r"aside is a link to .*home, outside of"), Run(folder).locked():
        raise AssertionError("held")
    (folder / "aside").unlink()
    (folder / "logs").mkdir()
    (folder / "same").symlink_to(folder / "logs")
    with Run(folder).locked():
        pass
    (folder / ".lock").unlink()
    (folder / ".lock").symlink_to(outside / "kept.txt")
    with pytest.raises(KwsError, match=r"cannot be written"), Run(folder).locked():
        raise AssertionError("held")
    assert (outside / "kept.txt").read_text() == "mine" and len(list(outside.iterdir())) == 1
