from hammerd.core.hammer.process_args import written_slave
from hammerd.core.hammer.ps_output import parse_ps

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


def test_words_are_told_by_pid_without_the_name_behind_them() -> None:
    told = parse_ps(PRINTED)

    assert told == {
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
    assert written_slave(told[960]) == "/s"
    assert written_slave(told[516]) is None


def test_what_is_no_table_tells_nothing() -> None:
    assert parse_ps("ps: kvm: no such file\n\n  PID COMMAND\n") == {}
