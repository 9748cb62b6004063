"""The layers by themselves: settings that name secrets, and lines of a file."""

import pytest

from flows.configuration.layers import read_layers, unknown_variables
from flows.errors import SettingsError

NAMES = {"home": (), "hook_token_env": (), "hook": ("url", "key_env")}


@pytest.fixture
def layers(tmp_path):
    path = tmp_path / "my.toml"

    def read(text, **env):
        path.write_text(text)
        return read_layers(NAMES, {}, {"LAMINI_CONFIG": str(path), **env})

    return read


def test_a_setting_of_a_secret_holds_the_name_of_a_variable(layers):
    assert layers('hook_token_env = "HOOK_TOKEN"').values["hook_token_env"] == "HOOK_TOKEN"
    assert layers("", LAMINI_HOOK__KEY_ENV="KEY").nested() == {"hook": {"key_env": "KEY"}}


@pytest.mark.parametrize("name", ["hook_token_env", "hook.key_env", "token", "hook.password"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(layers, name):
    with pytest.raises(SettingsError) as caught:
        layers(f'{name} = "s3cret-of-mine!"')
    assert "s3cret" not in str(caught.value)
    assert name in str(caught.value)


def test_lines_are_found_behind_quotes_comments_and_dotted_keys(layers):
    found = layers('# head\n"home" = "x" # state\n\nhook.url = "a"\n')
    assert [origin.rsplit(":", 1)[1] for origin in found.origin.values()] == ["2", "4"]
    inline = layers('hook = {url = "a"}')
    assert inline.values == {"hook.url": "a"}
    assert inline.origin["hook.url"].endswith("my.toml:1")


def test_variables_that_set_nothing_are_listed():
    env = {"LAMINI_HOM": "x", "LAMINI_HOME": "y", "LAMINI_CONFIG": "z", "OTHER": "1"}
    env |= {"LAMINI_FAILPOINT_VICTIM": "parent", "LAMINI_FAILPOINT_ONCE": "folder"}
    assert unknown_variables(env, NAMES) == ["LAMINI_HOM"]
