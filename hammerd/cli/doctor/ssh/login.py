"""Judges a login that asked for the time: who let it in, for which commands, and the clock there.

a number              any command may be run: the key is open
a refusal of hammer   the key is accepted, for a forced command
exit status 255       ssh itself failed
"""

import os
import re
import time
from dataclasses import dataclass, replace

from hammerd.cli.check.bounded_command import CommandResult
from hammerd.cli.doctor.lines.findings import NEEDS_ROOT, Finding, bad, not_tried, ok
from hammerd.cli.doctor.system.machine import Machine, last_line
from hammerd.core.hammer.hints import name_host
from hammerd.core.hammer.messages import Complaint
from hammerd.core.hammer.output_parser import find_cause
from hammerd.core.hosts.host import Host

LARGEST_OFFSET_S = 10.0
SSH_FAILED = 255
"""ssh's own exit status; otherwise it exits with that of the remote command."""

HOST_KEY_REJECTED, LOGIN_REFUSED = "host_key_rejected", "login_refused"
_KEY_REFUSED = "Permission denied"
CLOCK_HINT = "set the clocks of both hosts by dntpd(8) or ntpd(8), or times of one mislead there"

_RESTRICTED = re.compile(r"hammer-remote: |SSH_ORIGINAL_COMMAND")
_DATE = re.compile(r"\d{9,11}")


@dataclass(frozen=True, slots=True)
class Login:
    """The result of a login that asked for the time, and this host's time around it."""

    host: Host
    done: CommandResult
    began_time: float
    ended_time: float

    @property
    def last_line(self) -> str:
        """The last line of its output, which is the time if any command may be run."""
        return self.done.text.strip().rpartition("\n")[2]

    @property
    def is_open(self) -> bool:
        """Whether the key may run any command."""
        return self.done.status == 0 and _DATE.fullmatch(self.last_line) is not None

    @property
    def has_failed(self) -> bool:
        """Whether ssh itself failed."""
        return self.done.status in (SSH_FAILED, None)

    @property
    def complaint(self) -> Complaint | None:
        """The complaint of ssh, of the login or of the key's forced command."""
        found = find_cause(self.done.err) or find_cause(self.done.out)
        return found and replace(found, hint=name_host(found.hint, self.host))

    @property
    def is_of_known_host(self) -> bool:
        """Whether it came as far as ssh goes with a known host key only."""
        name = self.complaint.name if self.complaint else ""
        return not self.has_failed or name == LOGIN_REFUSED


def log_in(machine: Machine) -> Login:
    """Log in and ask for the time."""
    began_time = time.time()
    done = machine.run("date", "+%s")
    return Login(machine.host, done, began_time, time.time())


def login_finding(login: Login, to: str, identity: str | None) -> Finding:
    """Judge a login `to` user@host with a key; without one ssh chose a key of this user."""
    if login.is_open:
        return _open_finding(login)
    if _RESTRICTED.search(login.done.error_text):
        return ok("the key is accepted, for a forced command")
    failure = _failure(login, to, identity)
    if failure is None:
        return ok(f"the key is accepted, for a forced command: {last_line(login.done)}")
    if os.geteuid() != 0 and identity is None:
        return not_tried(f"the keys of this user do not do: {NEEDS_ROOT}", ends_way=True)
    return failure


def clock_finding(login: Login) -> Finding:
    """Judge how far the clock of an open host is from ours."""
    there = int(login.last_line)
    # `date` cuts off a part of a second, and it ran between the two times.
    least, most = there - login.ended_time, there + 1 - login.began_time
    if least > LARGEST_OFFSET_S:
        return bad(f"{least:.0f} s ahead of this host's", CLOCK_HINT)
    if most < -LARGEST_OFFSET_S:
        return bad(f"{-most:.0f} s behind this host's", CLOCK_HINT)
    return ok(f"within {max(abs(least), abs(most)):.0f} s of this host's")


def _open_finding(login: Login) -> Finding:
    noise = login.done.text.strip().rpartition("\n")[0]
    if noise:
        what = f"the login prints on stdout: {noise.partition(chr(10))[0]}"
        return bad(what, "make the login's start-up files silent: this would break each stream")
    return ok("the key is accepted, for any command")


def _failure(login: Login, to: str, identity: str | None) -> Finding | None:
    """Return why a login failed; None if only its command was refused."""
    done, complaint = login.done, login.complaint
    if done.is_late:
        what = "ssh connects and does not come back"
        return bad(what, "does its sshd, or the shell of the login, hang?")
    if complaint is not None and (login.has_failed or complaint.name == LOGIN_REFUSED):
        return bad(f"{complaint.name}: {complaint.text}", _hint(complaint, to, identity))
    if login.has_failed:
        what = last_line(done) or "ssh fails without a word"
        return bad(what, "run the same ssh by hand, with -v")
    return None


def _hint(complaint: Complaint, to: str, identity: str | None) -> str:
    """Return the hint for a login; the key itself is known to be good by now."""
    if complaint.name == LOGIN_REFUSED and _KEY_REFUSED in complaint.text:
        public = f"{identity}.pub" if identity else "the public key"
        return (
            f'put {public}, or the line that "hammerd authorized-keys PAIR" prints, into'
            " authorized_keys of the user there"
        )
    return complaint.hint.replace("HOST", to)
