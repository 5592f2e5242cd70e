"""Notes below the status table: troubles of the daemon itself, and their consequences."""

from collections.abc import Iterator

from hammerd.cli.client.status_types import DaemonStatus
from hammerd.cli.output.numbers import show_moment


def notes_of_daemon(daemon: DaemonStatus, measured_time: str | None) -> Iterator[tuple[str, str]]:
    """Yield each trouble with its hint, most urgent first; each fault of a config on its line."""
    if because := daemon.get("reload_refused_because"):
        refused_time = daemon.get("reload_refused_time")
        at = f" at {show_moment(refused_time, measured_time)}" if refused_time else ""
        hint = 'the config of before is in force; "hammerd reload" tries again'
        yield f"config refused{at}: {because}", hint
    if because := daemon.get("run_dir_unusable_because"):
        hint = "others may not find hammerd, or a second one may start; it tries again each minute"
        yield f"run_dir or the lock cannot be used: {because}", hint
    yield from _notes_of_state(daemon, measured_time)
    yield from _notes_of_history(daemon, measured_time)
    yield from _notes_of_notify(daemon, measured_time)
    if because := daemon.get("syslog_unreached_because"):
        lost = daemon.get("syslog_lines_lost", 0)
        hint = "the log file has them; start syslogd, or take syslog_facility out of the config"
        yield f"syslogd takes nothing ({lost} lines so far): {because}", hint


def _notes_of_history(
    daemon: DaemonStatus, measured_time: str | None
) -> Iterator[tuple[str, str]]:
    if because := daemon.get("history_unwritten_because"):
        since_time = daemon.get("history_unwritten_since_time")
        since = f" since {show_moment(since_time, measured_time)}" if since_time else ""
        lost = daemon.get("history_rows_lost", 0)
        loss = f" ({lost} rows lost)" if lost else ""
        hint = '"hammerd events" and "hammerd lag" do not know of what happened since then'
        yield f"history not written{since}{loss}: {because}", hint
    for complaint in daemon.get("history_complaints", []):
        yield f"history begun anew: {complaint}", "what was there is kept as NAME.bad"


def _notes_of_notify(daemon: DaemonStatus, measured_time: str | None) -> Iterator[tuple[str, str]]:
    if because := daemon.get("notify_failed_because"):
        since_time = daemon.get("notify_failed_since_time")
        since = f" since {show_moment(since_time, measured_time)}" if since_time else ""
        waiting = daemon.get("notify_waiting", 0)
        left = f" ({waiting} wait)" if waiting else ""
        hint = 'nobody may be told of alarms; "hammerd notify --test" tries each command'
        yield f"notifications fail{since}{left}: {because}", hint
    if because := daemon.get("alarms_unsaved_because"):
        yield f"alarms not saved: {because}", "after its next start hammerd may tell of them again"


def _notes_of_state(daemon: DaemonStatus, measured_time: str | None) -> Iterator[tuple[str, str]]:
    if because := daemon.get("state_unsaved_because"):
        since_time = daemon.get("state_unsaved_since_time")
        since = f" since {show_moment(since_time, measured_time)}" if since_time else ""
        hint = "what was paused, resumed or acknowledged since then does not outlive hammerd"
        yield f"state not saved{since}: {because}", hint
    if because := daemon.get("clocks_unsaved_because"):
        hint = "after its next start hammerd knows no lag before it has read both ends"
        yield f"tid clocks not saved: {because}", hint
    if because := daemon.get("status_unsaved_because"):
        hint = 'without a hammerd, "hammerd status" tells what was true before'
        yield f"status not saved: {because}", hint
    complaints = daemon.get("state_complaints", [])
    for complaint in complaints:
        is_last = complaint is complaints[-1]
        hint = "what was there is kept as NAME.bad; look at what is paused" if is_last else ""
        yield f"not read at the start: {complaint}", hint
