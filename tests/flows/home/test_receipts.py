from flows.home.receipts import RunFolder
from lamini.saved import write_json


def test_a_step_whose_receipt_names_a_file_elsewhere_is_done_again(tmp_path):
    folder = RunFolder(path=tmp_path / "home" / "runs" / "abc")
    output, elsewhere = folder.path / "out", tmp_path / "elsewhere"
    for path in (output, elsewhere):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    step = lambda: folder.once("measure_recall", "out", lambda: {"path": str(output)})  # noqa: E731
    assert [step()["is_reused"], step()["is_reused"]] == [False, True]
    write_json(folder.path / "receipts" / "measure_recall.json", {"path": str(elsewhere)})
    assert step()["path"] == str(output)
