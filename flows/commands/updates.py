"""Commands about change: plan, rollback."""

from dataclasses import replace

from flows.commands.program import (
    Full,
    Incremental,
    Json,
    app,
    asked_mode,
    given_settings,
    prepare,
    print_json,
)
from flows.home.home import Home


@app.command()
def plan(full: Full = False, incremental: Incremental = False, as_json: Json = False) -> None:
    """Say what a run would do about the published facts, and why; nothing is written."""
    mode = asked_mode(full, incremental)
    settings = given_settings()
    prepare(settings.home)
    from flows.automation.source_states import written_since_published
    from flows.planning.forecast import forecast

    unread = written_since_published(settings)
    found = replace(forecast(settings, asked=mode), unread=unread)
    if as_json:
        return print_json(found)
    from flows.commands.report import show_forecast

    show_forecast(found)


@app.command()
def rollback(as_json: Json = False) -> None:
    """Make the checkpoint before the promoted one answer again, with its snapshot; at any time."""
    settings = given_settings()
    prepare(settings.home)
    from flows.forgetting.holdings import check_rollback
    from flows.home.champion import changing, roll_back

    with changing(settings.home):
        check_rollback(settings.home)
        back = roll_back(settings.home)
    # Slow: what answers has changed before.
    aliases = _aliases(settings.home)
    if as_json:
        return print_json({"left": back.left, "champion": back.champion, "aliases": aliases})
    from flows.commands.report import show_rollback

    show_rollback(back, is_tracked=aliases is not None)


def _aliases(home: Home) -> dict[str, str] | None:
    """Bring MLflow's aliases to the pointer; null where it did not take them."""
    import logging

    from flows.environment import mlflow_database

    if not mlflow_database(home.path).is_file():
        return {}
    try:
        from flows.tracking.registry import follow_pointer

        return follow_pointer(home)
    except Exception:
        logging.getLogger(__name__).warning("MLflow did not take the rollback", exc_info=True)
        return None
