import pytest
import torch

from lamini.errors import CheckpointError
from lamini.inline.due_keys import Places, fit_due_keys, read_due_keys


@pytest.fixture(scope="module")
def places():
    """In 16 dimensions, two relations have directions of their own."""
    generator = torch.Generator().manual_seed(3)
    x_NF = torch.randn(3000, 16, generator=generator)
    due_N = torch.full((3000,), -1)
    due_N[::40], due_N[1::40] = 0, 1
    x_NF[::40, 0] += 30
    x_NF[1::40, 1] += 30
    x_NF = torch.nn.functional.normalize(x_NF, dim=-1)
    return Places(x_NF=x_NF, due_N=due_N, subject_N=torch.arange(3000) // 40)


def test_a_due_key_fires_where_its_relation_is_due_and_hardly_elsewhere(places):
    keys = fit_due_keys(places, ["seat", "river"])
    scores_NR = keys.scores(places.x_NF[:, :8], places.x_NF[:, 8:])
    assert scores_NR.shape == (3000, 2)
    x_NF = places.x_NF
    above_NR = x_NF @ keys.key_FR[:-1] + keys.key_FR[-1] > keys.threshold_R
    for row in (0, 1):
        assert above_NR[places.due_N == row, row].float().mean() > 0.95
        assert above_NR[places.due_N != row, row].float().mean() < 0.003


def test_due_keys_are_read_as_they_were_written_and_damage_is_noticed(places, tmp_path):
    assert read_due_keys(tmp_path) is None
    keys = fit_due_keys(places, ["seat", "river"])
    keys.save(tmp_path)
    read = read_due_keys(tmp_path)
    assert read.relations == ("seat", "river")
    assert torch.equal(read.key_FR, keys.key_FR)
    assert torch.equal(read.threshold_R, keys.threshold_R)
    (file,) = tmp_path.glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(CheckpointError, match="damaged"):
        read_due_keys(tmp_path)
