// Tells the troubles of the daemon itself, with hints: cli/status/daemon_notes.py, and of one that
// does not answer: cli/offline/last_state_text.py.

import { showCount, showMoment, showRoughPeriod } from "./words.js";

/** Return [text, hint] for what is known of a daemon that does not answer. */
export function notesOfLastDaemon(status, now) {
  const { stale_because: because, fault } = status;
  const daemon = status.hammerd ?? {};
  const saved = daemon.saved_time ? new Date(daemon.saved_time) : null;
  const age = saved ? showRoughPeriod((now - saved) / 1000) : "";
  const left = saved ? `below is what it left ${age} ago, at ${showMoment(saved, now, true)}` : "";
  const text = "no hammerd answers: nobody mends a stream that fails now";
  const notes = [[left ? `${text}; ${left}` : text, because ?? ""]];
  for (const each of [lifeOf(daemon), fault]) if (each) notes.push([each, ""]);
  for (const complaint of daemon.state_complaints ?? []) notes.push([complaint, ""]);
  return notes;
}

function lifeOf({ pid, pid_is_alive: isAlive, streams }) {
  if (typeof pid !== "number") return "";
  if (isAlive) return `pid ${pid} of its pid file lives: it starts, hangs, or is another process`;
  const line = `pid ${pid} is gone: it was killed, or the machine went down`;
  if (!streams) return line;
  const runs = streams === 1 ? "runs" : "run";
  return `${line}; ${showCount(streams, "stream")} of it ${runs} on, unwatched`;
}

/** Return [trouble, hint] for each trouble, most urgent first. */
export function notesOfDaemon(daemon, now) {
  const at = (word, time) => (time ? ` ${word} ${showMoment(new Date(time), now)}` : "");
  const notes = [];
  const add = (because, text, hint) => because && notes.push([text, hint]);
  add(
    daemon.reload_refused_because,
    `config refused${at("at", daemon.reload_refused_time)}: ${daemon.reload_refused_because}`,
    'the config of before is in force; "hammerd reload" tries again',
  );
  add(
    daemon.run_dir_unusable_because,
    `run_dir or the lock cannot be used: ${daemon.run_dir_unusable_because}`,
    "others may not find hammerd, or a second one may start; it tries again each minute",
  );
  add(
    daemon.state_unsaved_because,
    `state not saved${at("since", daemon.state_unsaved_since_time)}: ` +
      `${daemon.state_unsaved_because}`,
    "what was paused, resumed or acknowledged since then does not outlive hammerd",
  );
  add(
    daemon.clocks_unsaved_because,
    `tid clocks not saved: ${daemon.clocks_unsaved_because}`,
    "after its next start hammerd knows no lag before it has read both ends",
  );
  add(
    daemon.status_unsaved_because,
    `status not saved: ${daemon.status_unsaved_because}`,
    'without a hammerd, "hammerd status" tells what was true before',
  );
  const complaints = daemon.state_complaints ?? [];
  complaints.forEach((complaint, index) => {
    const isLast = index === complaints.length - 1;
    const hint = isLast ? "what was there is kept as NAME.bad; look at what is paused" : "";
    add(true, `not read at the start: ${complaint}`, hint);
  });
  const lost = daemon.history_rows_lost ? ` (${daemon.history_rows_lost} rows lost)` : "";
  add(
    daemon.history_unwritten_because,
    `history not written${at("since", daemon.history_unwritten_since_time)}${lost}: ` +
      `${daemon.history_unwritten_because}`,
    '"hammerd events" and "hammerd lag" do not know of what happened since then',
  );
  for (const complaint of daemon.history_complaints ?? []) {
    add(true, `history begun anew: ${complaint}`, "what was there is kept as NAME.bad");
  }
  const waiting = daemon.notify_waiting ? ` (${daemon.notify_waiting} wait)` : "";
  add(
    daemon.notify_failed_because,
    `notifications fail${at("since", daemon.notify_failed_since_time)}${waiting}: ` +
      `${daemon.notify_failed_because}`,
    'nobody may be told of alarms; "hammerd notify --test" tries each command',
  );
  add(
    daemon.alarms_unsaved_because,
    `alarms not saved: ${daemon.alarms_unsaved_because}`,
    "after its next start hammerd may tell of them again",
  );
  add(
    daemon.syslog_unreached_because,
    `syslogd takes nothing (${daemon.syslog_lines_lost ?? 0} lines so far): ` +
      `${daemon.syslog_unreached_because}`,
    "the log file has them; start syslogd, or take syslog_facility out of the config",
  );
  const dropped = (daemon.lines_dropped ?? 0) + (daemon.writes_failed ?? 0);
  const were = dropped === 1 ? "was" : "were";
  add(dropped, `${showCount(dropped, "log line")} ${were} lost: is the disk of the log full?`, "");
  return notes;
}
