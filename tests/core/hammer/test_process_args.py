"""The slave that a command line writes to is found; other command lines have none."""

import pytest

from hammerd.core.hammer.commands import stream_argv
from hammerd.core.hammer.process_args import (
    is_same_command,
    parse_ps,
    scheduled_slave,
    written_slave,
)
from hammerd.core.pairs import Endpoint, Gear, Pair


@pytest.mark.parametrize(
    ("command", "slave"),
    [
        ("hammer mirror-stream /master /slave", "/slave"),
        ("/sbin/hammer -vv -i 5 -B mirror-stream /master /slave", "/slave"),
        ("/sbin/hammer -v mirror-copy root@host:/master /slave", "/slave"),
        ("hammer mirror-copy /master host:/slave", "host:/slave"),
        ("hammer -v -2 mirror-write /slave", "/slave"),
        ("python3 /usr/local/bin/hammer -vv mirror-stream /master /slave", "/slave"),
        ("/usr/bin/env hammer mirror-write /slave", "/slave"),
        ("hammer -R mirror-write -T /pfs/ -v -2 mirror-write /slave", "/slave"),
        ("/sbin/hammer -R mirror-write,pfs-status -T /pfs/ -2 mirror-write /slave", "/slave"),
        ("hammer -vvi5 -b 4m -S4g -C /root/cycle -e mirror-write mirror-copy /m /slave", "/slave"),
        ("hammer -c mirror-write -X -p 2222 mirror-copy /master host:/slave", "host:/slave"),
        ("hammer -2 -- mirror-write /slave", "/slave"),
    ],
)
def test_command_that_writes_to_a_slave_is_found(command: str, slave: str) -> None:
    assert written_slave(command.split()) == slave


def test_command_line_in_one_word_is_found() -> None:
    """Sshd's shell and rewritten process titles have this form."""
    assert written_slave(["hammer -2 mirror-write /slave"]) == "/slave"


@pytest.mark.parametrize(
    "command",
    [
        "",
        "hammer",
        "hammer pfs-status /slave",
        "hammer mirror-read /master",
        "hammer mirror-read-stream /master",
        "hammer mirror-stream /master",
        "hammer mirror-write",
        "hammerd mirror-stream /master /slave",
        "mirror-stream /master /slave",
        "vi hammer.c",
        "mirror-stream /master /slave hammer",
        "hammer ssh-remote mirror-write /pfs/",
        "hammer ssh-remote mirror-read,mirror-write /pfs/",
        "hammer -R mirror-write -T /pfs/ -2 mirror-read /master",
        "hammer -c mirror-write pfs-status /slave",
        "hammer info mirror-write /slave",
        "hammer -v",
        "hammer -i",
        "hammer -",
    ],
)
def test_command_that_writes_to_no_slave_is_ignored(command: str) -> None:
    assert written_slave(command.split()) is None


@pytest.mark.parametrize(
    "command",
    [
        "SCREEN -dmS mirror hammer mirror-stream /master /slave",
        "SCREEN hammer mirror-stream /master /slave",
        "screen hammer mirror-write /slave",
        "tmux: server hammer mirror-stream /master /slave",
        "autossh -M 0 root@host hammer mirror-write /slave",
        "lockf -t 0 /var/run/mirror ssh host hammer mirror-write /slave",
        "timeout 1h ssh host hammer mirror-write /slave",
        "sshpass -p secret ssh host hammer mirror-write /slave",
        "nice -n 10 ssh host hammer mirror-write /slave",
        "daemon: /sbin/hammer[99] mirror-stream /master /slave",
        "daemon -r hammer mirror-stream /master /slave",
        "doas hammer mirror-stream /master /slave",
        "sudo -u root hammer mirror-stream /master /slave",
        "script /root/log hammer mirror-stream /master /slave",
        "sh /root/again hammer mirror-stream /master /slave",
        "sh -c ssh host hammer mirror-write /slave",
        "python3 -m again hammer mirror-stream /master /slave",
        "python3 -c again hammer mirror-stream /master /slave",
        "vi hammer mirror-stream /master /slave",
        "mosh-client host hammer mirror-write /slave",
        "dtach -n /tmp/mirror hammer mirror-stream /master /slave",
        "abduco -n mirror hammer mirror-stream /master /slave",
        "zellij hammer mirror-stream /master /slave",
        "nohup hammer mirror-stream /master /slave",
        "setsid hammer mirror-stream /master /slave",
        "flock -n /var/lock/m ssh host hammer mirror-write /slave",
        "lockf -kt 0 /var/run/m hammer mirror-stream /master /slave",
        "su -l root -c hammer mirror-stream /master /slave",
        "su root hammer mirror-stream /master /slave",
        "env PATH=/sbin hammer mirror-stream /master /slave",
        "env -i HAMMER_RSH=/root/rsh ssh host hammer mirror-write /slave",
        "chroot /jail hammer mirror-stream /master /slave",
        "jexec 3 hammer mirror-stream /master /slave",
        "kubectl exec pod -- hammer mirror-write /slave",
        "expect /root/hammer mirror-write /slave",
        "expect -c spawn hammer mirror-write /slave",
        "strace -f hammer mirror-stream /master /slave",
        "ktrace -i hammer mirror-stream /master /slave",
        "gdb --args hammer mirror-stream /master /slave",
        "time hammer mirror-stream /master /slave",
        "watch hammer mirror-copy /master /slave",
        "xargs hammer mirror-write /slave",
        "tee hammer mirror-write /slave",
        "emacs hammer mirror-write /slave",
        "grep -r mirror-write hammer /slave",
        "grep hammer mirror-write /slave",
        "less hammer mirror-write /slave",
        "tail -f hammer mirror-write /slave",
        "man hammer mirror-write /slave",
        "sshd: root@notty hammer mirror-write /slave",
        "/usr/bin/perl -e hammer mirror-write /slave",
        "bash -lc hammer mirror-write /slave",
        "csh -fc hammer mirror-write /slave",
        "rc -l hammer mirror-write /slave",
    ],
)
def test_program_that_starts_a_hammer_is_no_writer(command: str) -> None:
    """It may outlive the hammer, or start it on another host; a hammer here is found itself."""
    assert written_slave(command.split()) is None


@pytest.mark.parametrize(
    "words",
    [
        ("/bin/sh", "-c", "hammer mirror-stream /master /slave"),
        ("bash", "-lc", "/sbin/hammer", "mirror-stream", "/master", "/slave"),
        ("-csh", "-c", "hammer -2 mirror-write /slave"),
        ("ssh", "host", "hammer mirror-write /slave"),
        ("ssh host hammer mirror-write /slave",),
        ("su", "-", "root", "-c", "hammer mirror-stream /master /slave"),
        ("SCREEN -dmS mirror hammer mirror-stream /master /slave",),
        ("tmux: server (/tmp/tmux-0/hammer mirror-write /slave)",),
        ("sh", "-c", "lockf -t 0 /var/run/m hammer -2 mirror-write /slave"),
        ("vi", "/root/hammer mirror-write /slave"),
    ],
)
def test_program_with_a_line_of_hammer_in_one_word_is_no_writer(words: tuple[str, ...]) -> None:
    """The hammer that a shell runs here is a process of its own."""
    assert written_slave(words) is None


@pytest.mark.parametrize(
    "command",
    [
        "/bin/sh -e /usr/local/bin/hammer mirror-stream /master /slave",
        "-sh /root/hammer mirror-stream /master /slave",
        "/usr/local/bin/python3.11 -IS -W error -X utf8 /sbin/hammer mirror-write /slave",
        "/bin/sh -c text hammer mirror-write /slave",
    ],
)
def test_hammer_that_an_interpreter_runs_is_found(command: str) -> None:
    assert written_slave(command.split()) == "/slave"


@pytest.mark.parametrize(
    "command",
    [
        "ssh -l root host hammer -vv -2 mirror-write /slave",
        "/usr/bin/ssh -C host -p 22 hammer -2 mirror-write /slave",
    ],
)
def test_ssh_that_starts_a_writer_on_another_host_is_no_writer(command: str) -> None:
    assert written_slave(command.split()) is None


@pytest.mark.parametrize(
    ("line", "slave"),
    [
        ("@reboot root hammer mirror-stream /Backup1/test /Backup2/test", "/Backup2/test"),
        ("@reboot\troot\t/sbin/hammer -i 5 mirror-stream /m /s >/dev/null 2>&1 &", "/s"),
        ("*/5 * * * * lockf -t 0 /var/run/m hammer mirror-copy /m /s", "/s"),
        ("@reboot sh -c '/sbin/hammer mirror-stream /m /s'", "/s"),
        ("#@reboot root hammer mirror-stream /m /s", None),
        ("  # @reboot root hammer mirror-stream /m /s", None),
        ("0 4 * * * root hammer cleanup", None),
        ("@reboot root hammerd run", None),
        ("@reboot root ssh host hammer mirror-copy /m /s", None),
        ("@daily lockf -t 0 /var/run/m /usr/bin/ssh host '/sbin/hammer mirror-copy /m /s'", None),
        ("", None),
    ],
)
def test_slave_of_a_crontabs_line_is_found(line: str, slave: str | None) -> None:
    assert scheduled_slave(line) == slave


def test_slave_of_our_own_stream_is_found_in_its_argv() -> None:
    pair = Pair("home", Endpoint("/master"), Endpoint("/slave"))

    assert written_slave(stream_argv("/sbin/hammer", pair, Gear.BULK)) == "/slave"


def test_recorded_command_is_recognized_with_and_without_an_interpreter() -> None:
    argv = ("/sbin/hammer", "mirror-stream", "/master", "/slave")

    assert is_same_command(argv, argv)
    assert is_same_command(("/usr/bin/python3", *argv), argv)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("/sbin/hammer", "mirror-stream", "/master", "/another"),
        ("mirror-stream", "/master", "/slave"),
        ("/sbin/hammer", "mirror-stream", "/master", "/slave", "more"),
    ],
)
def test_another_command_is_not_the_recorded_one(words: tuple[str, ...]) -> None:
    assert not is_same_command(words, ("/sbin/hammer", "mirror-stream", "/master", "/slave"))


def test_nothing_is_the_same_as_an_empty_record() -> None:
    assert not is_same_command(("/sbin/init",), ())


# As printed on a DragonFly 5.9.
PRINTED = """\
    -1 (idle_0)
     1 /sbin/init -s
     2 -sh (sh)
    -1 (hammer-S3)
   515 /sbin/hammer -vv -i 1 -B mirror-stream /Backup1/test /Backup2/test
   516 (hammer)
   952 /bin/sh -c sleep 8; : a b t\\011ab\\nnl
   960 /usr/local/bin/python3.11 /tmp/hammer mirror-copy /m /s (python3.11)
"""


def test_ps_gives_words_by_pid_without_the_name_after_them() -> None:
    commands = parse_ps(PRINTED)

    assert commands == {
        1: ("/sbin/init", "-s"),
        2: ("-sh",),
        515: (
            *("/sbin/hammer", "-vv", "-i", "1", "-B"),
            *("mirror-stream", "/Backup1/test", "/Backup2/test"),
        ),
        516: (),
        952: ("/bin/sh", "-c", "sleep", "8;", ":", "a", "b", "t\\011ab\\nnl"),
        960: ("/usr/local/bin/python3.11", "/tmp/hammer", "mirror-copy", "/m", "/s"),
    }
    assert written_slave(commands[960]) == "/s"
    assert written_slave(commands[516]) is None


def test_other_text_than_ps_output_gives_nothing() -> None:
    assert parse_ps("ps: kvm: no such file\n\n  PID COMMAND\n") == {}
