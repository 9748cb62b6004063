import os

import pytest
import torch

from lamini.errors import CheckpointError, LaminiError
from lamini.saved import newest_state, read_tensors, write_state, write_tensors, write_whole


def test_tensors_come_back_bit_for_bit(tmp_path):
    tensors = {"a": torch.randn(3, 4), "b": torch.tensor(7)}
    write_tensors(tmp_path / "x.safetensors", tensors)
    found = read_tensors(tmp_path / "x.safetensors")
    assert all(torch.equal(found[name], value) for name, value in tensors.items())


def test_a_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": torch.randn(3, 4)})
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged"):
        read_tensors(path)


def test_the_newest_intact_state_is_found_and_old_ones_are_dropped(tmp_path):
    for step in (5, 10, 15):
        write_state(tmp_path, step, {"a": torch.tensor(step)})
    assert len(list(tmp_path.glob("state-*.safetensors"))) == 2
    step, tensors = newest_state(tmp_path)
    assert (step, tensors["a"].item()) == (15, 15)
    (tmp_path / "state-00000015.safetensors").write_bytes(b"torn")
    step, tensors = newest_state(tmp_path)
    assert (step, tensors["a"].item()) == (10, 10)


def test_without_a_state_there_is_none(tmp_path):
    assert newest_state(tmp_path) is None


def test_a_file_replaces_no_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LaminiError, match="name a file"):
        write_whole(tmp_path / "pipe", b"data")
    assert [path.is_fifo() for path in tmp_path.iterdir()] == [True]
