"""An endpoint is read if hammer understands it as written, and refused if not."""

import pytest

from hammerd.core.config.endpoints import read_endpoint
from hammerd.core.config.values import InvalidValue
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pairs import Endpoint


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("/Backup1/pfs/test", Endpoint("/Backup1/pfs/test")),
        ("/Backup1//pfs/test//", Endpoint("/Backup1/pfs/test")),
        ("/", Endpoint("/")),
        ("/pfs/with blank", Endpoint("/pfs/with blank")),
        ("/pfs/it's", Endpoint("/pfs/it's")),
        ("beta:/pfs/x", Endpoint("/pfs/x", SshHost("beta"))),
        ("root@10.0.0.2:/pfs/x/", Endpoint("/pfs/x", SshHost("10.0.0.2", "root"))),
        ("a_b-c.example:/pfs/x", Endpoint("/pfs/x", SshHost("a_b-c.example"))),
        ("beta:/pfs/a:b", Endpoint("/pfs/a:b", SshHost("beta"))),
    ],
)
def test_an_endpoint_is_read(text: str, endpoint: Endpoint):
    assert endpoint == read_endpoint(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is empty"),
        ("pfs/test", "must have an absolute path"),
        ("-v", "has a path that starts with `-`, which hammer takes for an option"),
        ("beta:-v", "has a path that starts with `-`, which hammer takes for an option"),
        ("beta:", "must have an absolute path"),
        ("beta:pfs", "must have an absolute path"),
        (":/pfs", "names no host"),
        ("root@:/pfs", "names no host"),
        ("@beta:/pfs", "names no user"),
        (
            "-oProxyCommand=x:/pfs",
            "has a host that starts with `-`, which ssh takes for an option",
        ),
        ("-l@beta:/pfs", "has a user that starts with `-`, which ssh takes for an option"),
        (
            "be ta:/pfs",
            "has a host with other characters than letters, digits and . _ -",
        ),
        ("a@b@beta:/pfs", "names two users"),
        (
            "/pfs/a:b",
            "holds a `:` in a local path: hammer takes what stands before it as a host",
        ),
        (
            "pfs/a:b",
            "holds a `:` in a local path: hammer takes what stands before it as a host",
        ),
        ("[fe80::1]:/pfs", "holds an IPv6 address, which hammer cuts at its first colon"),
        ("root@fe80::1:/pfs", "holds an IPv6 address, which hammer cuts at its first colon"),
        ("::1:/pfs", "holds an IPv6 address, which hammer cuts at its first colon"),
        ("/pfs/a@b", "holds an `@` in its path, which hammer takes for the end of a user"),
        ("beta:/a@b", "holds an `@` in its path, which hammer takes for the end of a user"),
        (
            "beta:/a b",
            "holds characters in a remote path that the remote shell interprets: blank",
        ),
        (
            "beta:/a;`b`$c",
            "holds characters in a remote path that the remote shell interprets: $ ; `",
        ),
        ("/pfs/../a", "holds a `..`: two paths could be one"),
        ("beta:/pfs/..", "holds a `..`: two paths could be one"),
        ("/pfs/a\x00", "holds a NUL (U+0000)"),
        ("/pfs/a\n", "holds a newline (U+000A)"),
        ("/pfs/a\x07", "holds a control character (U+0007)"),
        (7, "must be a string"),
        (True, "must be a string"),
        (["/a"], "must be a string"),
        ("host:/" + "x" * 1023, "holds a path of more than 1023 bytes"),
    ],
)
def test_an_endpoint_that_hammer_would_misread_is_refused(text: object, what: str):
    with pytest.raises(InvalidValue) as caught:
        read_endpoint(text)

    assert [what] == [problem.what for problem in caught.value.problems]


def test_every_problem_of_an_endpoint_is_reported():
    with pytest.raises(InvalidValue) as caught:
        read_endpoint("-u@-h:p @")

    assert len(caught.value.problems) == 5


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("ssh://nas.lan/Backup/pfs/home", '"nas.lan:/Backup/pfs/home"'),
        ("SSH://root@nas/B/pfs", '"root@nas:/B/pfs"'),
        ("ssh://nas:2222/B/pfs", '"nas:/B/pfs"; ssh_port = 2222 sets the port'),
        ("sftp://root@nas:22/B/pfs", '"root@nas:/B/pfs"; ssh_port = 22 sets the port'),
        ("scp://nas:/B/pfs", '"nas:/B/pfs"'),
        ("git+ssh://nas/B/pfs", '"nas:/B/pfs"'),
        ("ssh://root:secret@nas/B/pfs", '"root@nas:/B/pfs"; set ssh_identity to a key'),
        ("file://localhost/pfs", '"/pfs"'),
        ("ssh://nas/B/my%2Dhome", '"nas:/B/my-home"'),
        ("ssh://nas/B/my%20home", "host:/path, user@host:/path, or /path on this host"),
        ("ssh://nas", "host:/path, user@host:/path, or /path on this host"),
        ("ssh://nas/pfs?x=1", "host:/path, user@host:/path, or /path on this host"),
        ("ssh:host/path", '"host:/path"'),
        ("SCP:root@nas:/B/pfs", '"root@nas:/B/pfs"'),
        ("file:///Backup2/pfs/home", '"/Backup2/pfs/home"'),
        ("rsync://nas/pfs/home", '"nas:/pfs/home"'),
        ("nas.lan://Backup/pfs/home", '"nas.lan:/Backup/pfs/home"'),
        ("nas.lan:///Backup/pfs/home", '"nas.lan:/Backup/pfs/home"'),
        ("root@nas://Backup/pfs", '"root@nas:/Backup/pfs"'),
        ("://Backup/pfs", '"/Backup/pfs"'),
        ("ssh://[::1]/pfs", "host:/path, user@host:/path, or /path on this host"),
        ("s3://bucket/pfs", 'like "s3:/bucket/pfs" if s3 is a host'),
    ],
)
def test_a_url_is_refused_with_a_hint_of_the_right_form(text: str, form: str):
    with pytest.raises(InvalidValue) as caught:
        read_endpoint(text)

    (problem,) = caught.value.problems
    assert problem.what == "is a URL, and hammer knows none"
    assert problem.hint.startswith("write ")
    assert form in problem.hint


@pytest.mark.parametrize(
    ("text", "what", "form"),
    [
        ("nas:2222/B/pfs", "port", '"nas:/B/pfs"; ssh_port = 2222 sets the port'),
        ("root@nas:2222:/B/pfs", "port", '"root@nas:/B/pfs"; ssh_port = 2222 sets the port'),
        ("nas:22", "port", '"nas:/Backup1/pfs/test"; ssh_port = 22 sets the port'),
        ("[nas]:2222:/B/pfs", "brackets", '"nas:/B/pfs"; ssh_port = 2222 sets the port'),
        ("root@[nas]:/B/pfs", "brackets", '"root@nas:/B/pfs"'),
        ("[root@nas]:/B/pfs", "brackets", '"root@nas:/B/pfs"'),
        ("root:secret@nas:/B/pfs", "password", '"root@nas:/B/pfs"; set ssh_identity to a key'),
        ("nas::pfs/home", "two colons", '"nas:/pfs/home"'),
        ("nas::/pfs/home", "two colons", '"nas:/pfs/home"'),
        ("root@nas.lan/B/pfs", "no colon", '"root@nas.lan:/B/pfs"'),
        ("//nas/B/pfs", "two slashes", '"nas:/B/pfs", or "/nas/B/pfs" on this host'),
        ("ssh nas hammer pfs-status /pfs", "command line", "host:/path"),
        ("/sbin/hammer mirror-write /pfs", "command line", "host:/path"),
        ("nas:~/pfs", "absolute path", '"nas:/Backup1/pfs/test"'),
        ("root@nas:pfs", "absolute path", '"root@nas:/Backup1/pfs/test"'),
        ("[::1]:2222:/pfs", "IPv6", "/etc/hosts"),
        ("fe80::1%em0:/pfs", "IPv6", "/etc/hosts"),
        ("2001:db8:0:0:0:0:0:1:/pfs", "IPv6", "/etc/hosts"),
    ],
)
def test_a_form_of_another_program_is_refused_with_hammers_form(text: str, what: str, form: str):
    with pytest.raises(InvalidValue) as caught:
        read_endpoint(text)

    problem = caught.value.problems[0]
    assert what in problem.what
    assert form in problem.hint
