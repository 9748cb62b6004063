import json

from flows.home.home import Home
from flows.home.receipts import Measured, Proof, Trained, Updated
from flows.home.run_folder import RunFolder

TOLD = {
    "num_facts": 3,
    "undecided": {"f": "too long"},
    "loss_by_step": [3.5, 0.001],
    "silence": {"num_silent": 2, "differing_silent": []},
    "router": {"threshold": 0.25, "of": [1, None]},
    "tune_memory_seconds": 1.5,
}


def test_a_receipt_is_written_with_all_that_was_told_and_no_default(tmp_path):
    folder = RunFolder(path=tmp_path / "runs" / "k")
    folder.leave(Trained(**TOLD))
    assert json.loads((folder.path / "receipts" / "train_memory.json").read_text()) == TOLD
    found = folder.read(Trained)
    assert (found.num_facts, found.silence) == (3, Proof(num_silent=2, differing_silent=()))
    assert found.told() == folder.told("train_memory") == TOLD


def test_a_step_is_done_once_and_again_when_its_output_is_gone(tmp_path):
    folder, done = RunFolder(path=Home(tmp_path).run("k")), []

    def work():
        done.append(len(done))
        (folder.path / "out").write_text("")
        return Updated(num_added=len(done))

    folder.path.mkdir(parents=True)
    first = folder.once(Updated, "out", work)
    assert folder.once(Updated, "out", work) == first
    assert (first.num_added, done) == (1, [0])
    (folder.path / "out").unlink()
    assert folder.once(Updated, "out", work).num_added == 2


def test_a_damaged_receipt_is_none(tmp_path):
    folder = RunFolder(path=tmp_path)
    (tmp_path / "receipts").mkdir()
    for text in ("{", '{"summary": 3}'):
        (tmp_path / "receipts" / "measure_recall.json").write_text(text)
        assert folder.read(Measured) is None


def test_a_step_whose_receipt_names_a_file_elsewhere_is_done_again(tmp_path):
    folder = RunFolder(path=tmp_path / "home" / "runs" / "abc")
    output, elsewhere, done = folder.path / "out", tmp_path / "elsewhere", []
    for path in (output, elsewhere):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def work():
        done.append(output)
        return Measured(path=str(output))

    assert [folder.once(Measured, "out", work).path for _ in range(2)] == [str(output)] * 2
    assert len(done) == 1
    folder.leave(Measured(path=str(elsewhere)))
    assert folder.once(Measured, "out", work).path == str(output)
