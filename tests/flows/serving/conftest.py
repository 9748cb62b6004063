import shutil

import pytest

from flows.home.champion import Champion, Pointer
from flows.home.home import Home
from lamini.backbone.backbone import load_backbone
from tests.lamini.conftest import built_checkpoint


@pytest.fixture(scope="package")
def champion_home(tmp_path_factory, published_once):
    """A home with a promoted checkpoint of invented facts; its table tells of others."""
    home = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(published_once / "home", home)
    (folder := home / "runs" / "k").mkdir(parents=True)
    built_checkpoint("llama", load_backbone().tokenizer, folder)
    Pointer(champion=Champion(path="runs/k/checkpoint", run_key="k")).write(Home(home))
    return home
