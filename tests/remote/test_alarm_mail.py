"""The whole way of an alarm: a link is killed, a mail arrives, and one more when it works again.

hammerd runs the sample command `mail` as it is installed; its mail(1) writes to a mailbox.
"""

import subprocess
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from mailbox import mbox
from pathlib import Path

import pytest

from hammerd.core.api.protocol import Verb
from tests.daemon.world import HAMMERD
from tests.paths import ROOT
from tests.remote.remote_world import RemoteWorld, a_remote_world
from tests.waiting import until

SAMPLE = ROOT / "etc/hammerd/notify.d/mail"

MAIL = """#!/bin/sh
# mail -s SUBJECT ADDRESS ...: one whole message at the end of the mailbox.
[ "$1" = -s ] || exit 64
subject=$2; shift 2
{
    echo 'From hammerd@near Thu Nov 26 00:00:00 2026'
    echo "Subject: $subject"
    echo "To: $*"
    echo
    sed 's/^From />From /'
    echo
} > "%(new)s"
cat "%(new)s" >> "%(box)s"
"""


@dataclass
class Mailbox:
    """A mail(1) that delivers to a file."""

    root: Path

    def make(self) -> Path:
        program = self.root / "mail"
        program.write_text(MAIL % {"new": self.root / "new", "box": self.root / "box"})
        program.chmod(0o755)
        return program

    def mails(self) -> list[Message]:
        with closing(mbox(self.root / "box")) as box:
            return list(box)

    def subjects(self) -> list[str]:
        return [str(mail["Subject"]).partition(": ")[2] for mail in self.mails()]

    def wait_for(self, opening: str, log: Path) -> Message:
        """Wait for a mail whose subject opens so."""
        try:
            until(lambda: any(one.startswith(opening) for one in self.subjects()), opening)
        except AssertionError:
            raise AssertionError(f"{self.subjects()}\n{log.read_text()}") from None
        return next(
            mail
            for mail, subject in zip(self.mails(), self.subjects(), strict=True)
            if subject.startswith(opening)
        )


@dataclass
class Lab:
    """A hammerd with two pairs to one host, a mailbox, and a file that grows with each beat."""

    remote: RemoteWorld
    pairs: tuple[str, ...] = ("home", "mail")

    def __post_init__(self) -> None:
        self.remote.add_host()
        self.near = self.remote.near
        self.box = Mailbox(self.near.root)
        self.log, self.beats = self.near.root / "log/hammerd.log", self.near.root / "beats"
        ends = {name: self.remote.push_pair(name) for name in self.pairs}
        keys = dict.fromkeys(ends, self.remote.far.keys())
        self.config = self.near.configure(ends, keys, sample_interval="0.3s")
        command = f'["/usr/bin/env", "MAIL_PROGRAM={self.box.make()}", "{SAMPLE}", "root"]'
        heartbeat = f'["/bin/sh", "-c", "echo beat >> {self.beats}"]'
        with self.config.open("a") as file:
            file.write(f"[notify]\ncommand = {command}\n")
            file.write(f'heartbeat = {heartbeat}\nheartbeat_every = "0.1s"\n')

    def start(self) -> subprocess.Popen[str]:
        daemon = self.near.start(self.config)
        for name in self.pairs:
            self.near.wait_until_following(name)
        until(self.beats.exists, "the heartbeat of two healthy pairs")
        return daemon

    def alarms(self) -> set[tuple[str, str]]:
        alarms = self.near.ask(Verb.STATUS)["hammerd"]["alarms"]
        return {(one["pair"], one["level"]) for one in alarms}

    def count(self) -> int:
        """Count the beats."""
        return len(self.beats.read_text().splitlines())


@pytest.mark.timeout(240)
def test_killed_link_is_mailed_once_and_so_is_its_recovery() -> None:
    with a_remote_world() as remote:
        lab = Lab(remote)
        daemon = lab.start()
        assert lab.box.mails() == []
        assert_test_is_mailed(lab)

        remote.far.sshd.stop()
        assert_text(lab.box.wait_for("warning: 2 pairs with ", lab.log))
        assert_nothing_is_told_twice(lab, daemon)

        count = lab.count()
        remote.far.sshd.start()
        lab.box.wait_for("recovered: ", lab.log)
        until(lambda: lab.alarms() == set(), "both have recovered")
        until(lambda: lab.count() > count, "the heartbeat goes on")
        kinds = [subject.partition(":")[0] for subject in lab.box.subjects()]
        assert kinds[:2] == ["test, kind test", "warning"]
        assert set(kinds[2:]) == {"recovered"}, lab.box.subjects()


def assert_test_is_mailed(lab: Lab) -> None:
    words = [*HAMMERD, "notify", "--test", "-c", str(lab.config), "home"]
    tried = subprocess.run(words, capture_output=True, text=True, check=True)

    assert tried.stdout.endswith("  exit 0\n")
    assert lab.box.subjects() == ["test, kind test: home"]


def assert_text(mail: Message) -> None:
    text = str(mail.get_payload())
    assert mail["To"] == "root"
    for opening in ("home: warning since ", "mail: warning since ", "  cause: ", "  said: "):
        assert f"\n{opening}" in text
    assert "\n  safe until: 20" in text


def assert_nothing_is_told_twice(lab: Lab, daemon: subprocess.Popen[str]) -> None:
    """Start another daemon while the alarm lasts: it tells nothing, and there is no heartbeat."""
    lab.near.stop(daemon)
    count, mails = lab.count(), len(lab.box.mails())
    lab.near.start(lab.config)
    for name in lab.pairs:
        lab.near.wait_for(lambda now: now["failures"] > 1, "it fails again", name)

    assert lab.alarms() == {(name, "warning") for name in lab.pairs}
    assert (lab.count(), len(lab.box.mails())) == (count, mails)
