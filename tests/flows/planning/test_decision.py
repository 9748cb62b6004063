import dataclasses

import pytest

from flows.configuration.update_policy import UpdatePolicy
from flows.errors import SettingsError
from flows.home.champion import Champion
from flows.planning.decision import FULL, INCREMENTAL, NOTHING, Situation, decide

RECIPE = {"backbone": "b", "tuning": {"max_steps": 120, "seed": 0}}
CHAMPION = Champion(
    path="runs/k/checkpoint",
    run_key="k",
    mode="full",
    recipe=RECIPE,
    agreement=0.99,
    agreement_when_full=0.99,
)
SETTLED = Situation(
    recipe=RECIPE, training_hash="t", num_facts=100, num_groups=4096, champion=CHAMPION
)
POLICY = UpdatePolicy()


def after(**changes):
    return dataclasses.replace(SETTLED, **changes)


def champion(**changes):
    return CHAMPION.model_copy(update=changes)


def test_without_a_champion_everything_is_trained():
    decision = decide(after(champion=None, num_added=100), POLICY)
    assert (decision.mode, decision.why) == (FULL, "nothing was promoted yet")


def test_nothing_pending_is_nothing_to_do_and_names_the_champion():
    decision = decide(SETTLED, POLICY)
    assert decision.mode == NOTHING
    assert "run k of these very facts" in decision.why


@pytest.mark.parametrize("what", ["num_added", "num_changed", "num_retired"])
def test_any_pending_fact_is_an_update(what):
    decision = decide(after(**{what: 2}), POLICY)
    assert decision.mode == INCREMENTAL
    assert f"2 {what.removeprefix('num_')}" in decision.why


def test_other_settings_take_a_full_run_and_are_named():
    recipe = {"backbone": "c", "tuning": {"max_steps": 60, "seed": 0}}
    decision = decide(after(recipe=recipe, num_changed=1), POLICY)
    assert decision.mode == FULL
    assert decision.why == "settings changed: backbone b -> c, tuning.max_steps 120 -> 60"


def test_settings_that_an_older_version_did_not_have_are_named_and_not_spelt_out():
    recipe = {"backbone": "a" * 40, "running_text": {"subjects_per_row": 3}}
    why = decide(after(recipe=recipe, num_changed=1), POLICY).why
    assert (
        why == f"settings changed: backbone b -> {'a' * 16}..., running_text is new, tuning is gone"
    )


def test_a_champion_that_cannot_be_built_upon_says_why():
    decision = decide(after(unusable="the snapshot is gone"), POLICY)
    assert (decision.mode, decision.why) == (FULL, "the snapshot is gone")
    assert decide(after(champion=champion(recipe=None)), POLICY).mode == FULL


def test_mostly_new_facts_are_more_than_the_frozen_router_has_seen():
    assert decide(after(num_added=50), POLICY).mode == INCREMENTAL
    decision = decide(after(num_added=30, num_changed=21), POLICY)
    assert decision.mode == FULL
    assert "51% of the facts are new" in decision.why
    assert decide(after(num_retired=40), POLICY).mode == INCREMENTAL


def test_mass_retirement_waits_for_a_person_who_asks_for_it():
    lost = after(num_facts=9, num_retired=91)
    decision = decide(lost, POLICY)
    assert (decision.mode, decision.is_braked) == (NOTHING, True)
    assert "91% of the champion's facts would be forgotten" in decision.why
    settings_changed = dataclasses.replace(lost, recipe={"backbone": "c"})
    assert decide(settings_changed, POLICY).is_braked
    for asked in (FULL, INCREMENTAL):
        assert decide(lost, POLICY, asked=asked).mode == asked
    assert decide(lost, POLICY, force=True).mode == FULL
    assert decide(lost, UpdatePolicy(max_retired_share=1.0)).mode == INCREMENTAL


def test_of_a_small_table_a_few_facts_are_retired_without_a_brake():
    assert decide(after(num_facts=3, num_retired=9), POLICY).mode == INCREMENTAL


def test_a_router_that_agrees_much_less_than_when_it_was_frozen_is_pretrained_anew():
    tired = champion(agreement=0.92)
    decision = decide(after(champion=tired, num_changed=1), POLICY)
    assert decision.mode == FULL
    assert "agrees on 92.0%" in decision.why
    # Nobody wakes a settled home because of it.
    assert decide(after(champion=tired), POLICY).mode == NOTHING
    weak = champion(agreement=0.6, agreement_when_full=0.62)
    assert decide(after(champion=weak, num_changed=1), POLICY).mode == INCREMENTAL


def test_facts_that_updates_sent_elsewhere_add_up_to_a_full_run():
    assert decide(after(champion=champion(num_collisions=1), num_changed=1), POLICY).mode == (
        INCREMENTAL
    )
    decision = decide(after(champion=champion(num_collisions=2), num_changed=1), POLICY)
    assert decision.mode == FULL
    assert "2 collisions since the last full run" in decision.why


def test_a_bank_near_its_end_is_told_before_it_is_full():
    decision = decide(after(num_groups=105, num_added=1), POLICY)
    assert decision.mode == INCREMENTAL
    assert "nearly full: 100 facts in 105 groups" in decision.why


def test_what_a_person_asks_for_goes_first():
    assert decide(after(num_changed=1), POLICY, asked=FULL).mode == FULL
    assert decide(after(num_added=90), POLICY, asked=INCREMENTAL).mode == INCREMENTAL
    assert decide(SETTLED, POLICY, asked=INCREMENTAL).mode == NOTHING
    assert decide(SETTLED, POLICY, force=True).mode == FULL
    assert decide(SETTLED, POLICY, asked=FULL).mode == NOTHING
    updated = champion(mode=INCREMENTAL)
    assert decide(after(champion=updated), POLICY, asked=FULL).mode == FULL


@pytest.mark.parametrize(
    ("situation", "given", "message"),
    [
        (after(champion=None), {"asked": INCREMENTAL}, "nothing was promoted yet"),
        (after(recipe={}), {"asked": INCREMENTAL}, "settings changed"),
        (SETTLED, {"asked": "half"}, "mode='half'"),
        (SETTLED, {"asked": INCREMENTAL, "force": True}, "full run only"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(situation, given, message):
    with pytest.raises(SettingsError, match=message):
        decide(situation, POLICY, **given)


def test_facts_that_were_rolled_back_are_not_promoted_again_by_themselves():
    rolled_back = after(rejected=("t",), num_changed=1)
    decision = decide(rolled_back, POLICY)
    assert decision.mode == NOTHING
    assert "rolled back" in decision.why
    assert decide(rolled_back, POLICY, asked=INCREMENTAL).mode == INCREMENTAL
    other_facts = dataclasses.replace(rolled_back, training_hash="u")
    assert decide(other_facts, POLICY).mode == INCREMENTAL


@pytest.mark.parametrize(
    "wrong", [{"max_changed_share": 1.5}, {"untouched_prompts": -1}, {"after_failure": "retry"}]
)
def test_a_policy_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        UpdatePolicy(**wrong)
