"""Decide what is so: one fact per slot from all claims, every loser kept with its reason.

Each relation has a rule (relations.py). What is not valid at the as-of date steps aside; filters
take out what a source itself took back and what looks like a bad import; then the rule's criteria
decide, in its order. What is equal in all of them is a tie: no fact, a conflict for people. The
result depends on the claims alone, not on the order or the batches in which they came.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import duckdb
import pyarrow as pa

from warehouse import failpoints, query
from warehouse.bad_imports import find_bad_imports, hold_back, watch
from warehouse.catalogue import look_back, now, transaction
from warehouse.claims import RelationRule
from warehouse.errors import AccountingError
from warehouse.facts import scope
from warehouse.judgement import beliefs, partitions
from warehouse.truth import TruthState
from warehouse.truth.estimation import each_here

STATUSES = (
    "used",
    "contradicted",
    "outdated",
    "not_yet_valid",
    "duplicate",
    "retracted",
    "forgotten",
    "held_back",
    "quarantined",
)

_MANY_SLOTS = 100_000
"""Judged: from so many on, what was written is folded into the file at once. Else a change of a few
claims could find the log full, and take as long as this."""

CountTokens = Callable[[list[str]], list[int]]
"""Counts the tokens of each answer, the end of the answer not included."""


@dataclass(frozen=True, kw_only=True)
class ReconcileSettings:
    """As of when, and by which rules, claims are judged."""

    as_of: date
    """The day on which a fact must be valid."""
    known_at: datetime | None = None
    """Only what was recorded until then counts (UTC, without zone); null: everything."""
    default_rule: RelationRule = field(default_factory=RelationRule)
    """Of relations for which no source declares one."""
    count_tokens: CountTokens | None = None
    max_answer_tokens: int = 64
    token_counter: str | None = None
    """The name of what counts the tokens, so that its decisions can stand next time."""
    weighing: beliefs.Weighing = field(default_factory=beliefs.Weighing)
    """How truth discovery is run."""
    scope: str = "auto"
    """One of SCOPES: judge all claims, or what changed since the last reconcile with the same
    settings (all, where there is none such); auto: what changed, if that is little. What changed
    is weighed with the accuracies of the last reconcile that judged all."""

    def __post_init__(self) -> None:
        if self.scope not in scope.SCOPES:
            raise ValueError(f"scope = {self.scope!r}; there are: {', '.join(scope.SCOPES)}")

    def key(self) -> str | None:
        """Write what decisions depend on beside claims, rules and as-of date; null: unknown."""
        if self.known_at is not None or (self.count_tokens and self.token_counter is None):
            return None
        counter = self.token_counter if self.count_tokens else None
        weights = repr(self.weighing.config)
        judged_by = [self.default_rule.to_json(), self.max_answer_tokens, counter, weights]
        return json.dumps([scope.code_fingerprint(), *judged_by])


@dataclass(frozen=True, kw_only=True)
class ReconcileReceipt:
    """What was decided."""

    as_of: date
    snapshot_hash: str
    training_hash: str
    num_input_rows: int
    num_slots: int
    num_facts: int
    conflicts_resolved: int
    """Slots in which several valid values competed and one became the fact."""
    ties: int
    """Slots in which they were equal: reported, not decided."""
    counts: dict[str, int]
    """Input rows by status; the sum is num_input_rows (I8)."""
    ambiguous_prompts: int
    """Paraphrases that facts with different answers share, and which no fact therefore keeps."""
    num_added: int
    num_changed: int
    num_retired: int
    num_judged: int = field(default=0, compare=False)
    """Slots that were judged in this run; the decisions about all others stood."""


def reconcile(
    con: duckdb.DuckDBPyConnection,
    settings: ReconcileSettings,
    *,
    recorded_at: datetime | None = None,
) -> ReconcileReceipt:
    """Decide every claim and record what changed, in one transaction.

    Raises:
        AccountingError: some claim would be lost or counted twice; nothing was changed.
    """
    with transaction(con):
        decide(con, settings, recorded_at or now())
        failpoints.reach("reconcile.before_commit")
    failpoints.reach("reconcile.after_commit")
    receipt = _receipt(con)
    query.drop_work_tables(con)  # of ten million claims seven gigabytes
    if receipt.num_judged >= _MANY_SLOTS:
        con.execute("checkpoint")
    return receipt


def decide(con: duckdb.DuckDBPyConnection, settings: ReconcileSettings, moment: datetime) -> None:
    """Do what `reconcile` does, within the caller's transaction.

    Raises:
        AccountingError: some claim would be lost or counted twice.
    """
    look_back(con, settings.known_at)
    rules = _rules(con, settings.default_rule)
    only_changed = _place_changed(con, settings, rules)
    if not only_changed:
        _place_all(con, settings, rules)
    states = _judge(con, settings, rules, only_changed=only_changed)
    _record(con, settings, rules, states, moment, only_changed=only_changed)
    _check(con)


def _place_all(
    con: duckdb.DuckDBPyConnection, settings: ReconcileSettings, rules: beliefs.Rules
) -> None:
    scope.take_all(con)
    beliefs.place(con, rules, settings.as_of)
    if watch(con):
        find_bad_imports(con)
    hold_back(con)


def _place_changed(
    con: duckdb.DuckDBPyConnection, settings: ReconcileSettings, rules: beliefs.Rules
) -> bool:
    if settings.scope == "auto" and not settings.weighing.is_settled and beliefs.any_truth(rules):
        return False  # what all claims together estimate
    if not scope.touch(con, settings.scope, settings.key(), settings.as_of, rules):
        return False
    if watch(con):  # a column is looked at as a whole: one claim more can make a bad import of it
        query.execute(con, "scope_fetch_watched")
        scope.use_fetched(con)
        beliefs.place(con, rules, settings.as_of)
        find_bad_imports(con)
    if not scope.widen(con, settings.scope):
        return False
    beliefs.place(con, rules, settings.as_of)
    hold_back(con)
    return True


def _judge(
    con: duckdb.DuckDBPyConnection,
    settings: ReconcileSettings,
    rules: beliefs.Rules,
    *,
    only_changed: bool,
) -> dict[str, TruthState]:
    how = settings.weighing
    if only_changed:  # few slots: not worth cutting
        how = replace(how, is_settled=True, num_parts=1, each=each_here)
    states = partitions.judge(con, rules, how)
    con.register("answer_tokens", _answer_tokens(con, settings.count_tokens))
    try:
        query.execute(con, "reconcile_held_back", max_answer_tokens=settings.max_answer_tokens)
    finally:
        con.unregister("answer_tokens")
    query.execute(con, "reconcile_ambiguous")
    query.execute(con, "reconcile_decisions")
    query.execute(con, "reconcile_new_facts")
    return states


def _rules(con: duckdb.DuckDBPyConnection, default: RelationRule) -> beliefs.Rules:
    """Make the table `rules`; give the rules by relation, the default under None."""
    rules: dict[str | None, RelationRule] = {None: default}
    for relation, text in query.execute(con, "rules_declared"):
        rules[str(relation)] = RelationRule.from_json(str(text))
    con.register("rule_table", beliefs.rule_table(rules))
    query.execute(con, "reconcile_rules")
    con.unregister("rule_table")
    return rules


def _answer_tokens(con: duckdb.DuckDBPyConnection, count_tokens: CountTokens | None) -> pa.Table:
    answers = query.run(con, "candidate_answers")["answer"].to_pylist() if count_tokens else []
    counts = count_tokens(answers) if count_tokens else []
    return pa.table(
        {"answer": pa.array(answers, pa.string()), "num_tokens": pa.array(counts, pa.int64())}
    )


def _record(
    con: duckdb.DuckDBPyConnection,
    settings: ReconcileSettings,
    rules: beliefs.Rules,
    states: dict[str, TruthState],
    moment: datetime,
    *,
    only_changed: bool,
) -> None:
    for name in ("conflicts", "timeline", "ambiguous"):
        query.execute(con, f"clear_{name}")
    query.execute(con, "reconcile_conflicts")
    query.execute(con, "record_timeline")
    query.execute(con, "record_ambiguous")
    query.execute(con, "reconcile_changes")
    for name in ("close_unknown", "close_decisions", "open_decisions", "close_facts", "open_facts"):
        query.execute(con, name, now=moment)
    if only_changed:
        scope.read_again(con)
    sums = query.run(con, "snapshot_sums_changed" if only_changed else "snapshot_sums").to_pylist()[
        0
    ]
    hashes = {name: _hash(con, name, sums) for name in ("snapshot_hash", "training_hash")}
    query.execute(con, "log_changes", snapshot_hash=hashes["snapshot_hash"], now=moment)
    beliefs.record(con, states, hashes["snapshot_hash"], moment)
    if only_changed or settings.weighing.is_settled:
        query.execute(con, "carry_accuracies", snapshot_hash=hashes["snapshot_hash"], now=moment)
    figures = scope.elsewhere(con, only_changed=only_changed)
    query.execute(con, "drop_reconciled")
    query.execute(
        con,
        "record_reconciled",
        as_of=settings.as_of,
        now=moment,
        settings=settings.key(),
        rules=scope.rules_as_json(rules),
        **figures,
        **hashes,
        **sums,
    )
    query.execute(con, "record_snapshot", now=moment)


def _hash(con: duckdb.DuckDBPyConnection, name: str, sums: dict[str, object]) -> str:
    wanted = {key: value for key, value in sums.items() if f"${key}" in query.text(name)}
    return str(query.execute(con, name, **wanted)[0][0])


def _check(con: duckdb.DuckDBPyConnection) -> None:
    for name in ("check_accounting", "check_decisions_sums", "check_facts"):
        offenders = query.execute(con, name)
        if offenders and name == "check_decisions_sums":
            offenders = query.execute(con, "check_decisions") or offenders
        if offenders:
            raise AccountingError(f"{name}: {len(offenders)} offending, the first: {offenders[0]}")


def _receipt(con: duckdb.DuckDBPyConnection) -> ReconcileReceipt:
    totals = query.run(con, "reconcile_totals").to_pylist()[0]
    changes = query.run(con, "change_counts").to_pylist()[0]
    found = {
        str(status): int(str(count)) for status, count in query.execute(con, "reconcile_counts")
    }
    return ReconcileReceipt(
        as_of=totals["as_of"],
        snapshot_hash=totals["snapshot_hash"],
        training_hash=totals["training_hash"],
        num_input_rows=totals["num_input_rows"],
        num_slots=totals["num_slots"],
        num_facts=totals["num_facts"],
        conflicts_resolved=totals["num_conflicts_resolved"],
        ties=totals["num_ties"],
        ambiguous_prompts=totals["num_ambiguous_prompts"],
        counts={status: found.get(status, 0) for status in STATUSES},
        num_judged=scope.num_judged(con),
        **changes,
    )
