"""Reads an endpoint, `[[user@]host:]path`, and refuses forms that hammer or a shell misreads.

hammer cuts at the first `:`, looks for an `@` in the whole string, and passes a remote path to
the remote shell (docs/hammer.md 7.1). An endpoint that hammer would understand differently than
it is written is a fault.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hammerd.core.config import values
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pairs import Endpoint

_SHELL = frozenset("\"'`$&;|<>()[]{}*?!#~^\\")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
FORMS_HINT = "write host:/path, user@host:/path, or /path on this host"
SCHEMES = frozenset(
    {"file", "ftp", "ftps", "http", "https", "nfs", "rsync", "scp", "sftp", "smb", "ssh", "sshfs"}
)
"""The schemes of URLs; before a `:/` they are hardly the name of a host."""

_URL = re.compile(r"(?P<scheme>[^/:]*):+//+(?P<rest>.*)")
_IPV6 = re.compile(r"(?:[^/]*@)?(?:\[[^]/]*:|[0-9A-Fa-f:]*::|(?:[0-9A-Fa-f]{1,4}:){7})[^/]*")


_A_URL = "is a URL, and hammer knows none"
_A_PORT = "holds a port, which hammer takes for the path"
_A_PASSWORD = "holds a password, and hammerd types none"
_SCHEME = f"(?i:{'|'.join(sorted(SCHEMES, key=len, reverse=True))})"


@dataclass(frozen=True, slots=True)
class _OtherForm:
    """A form of another program; `form` and `also` are templates of the hint."""

    pattern: str
    what: str
    form: str
    also: str = ""


_OTHER_FORMS = (
    _OtherForm(
        rf"{_SCHEME}:(?P<login>[^/:]+):?(?P<path>/.*)",
        _A_URL,
        r"\g<login>:\g<path>",
    ),
    _OtherForm(
        r"(?P<user>[^/:@]+):[^/@]*@(?P<host>[^/:@]+):?(?P<path>/.*)",
        _A_PASSWORD,
        r"\g<user>@\g<host>:\g<path>",
        "; set ssh_identity to a key",
    ),
    _OtherForm(
        r"(?P<login>[^/:]+):(?P<port>[0-9]+):?(?P<path>/.*)",
        _A_PORT,
        r"\g<login>:\g<path>",
        r"; ssh_port = \g<port> sets the port",
    ),
    _OtherForm(
        r"(?P<login>[^/:]+):(?P<port>[0-9]+)",
        _A_PORT,
        r"\g<login>:/Backup1/pfs/test",
        r"; ssh_port = \g<port> sets the port",
    ),
    _OtherForm(
        r"(?P<user>(?:[^/@\[]*@)?)\[(?P<host>[^]:/]+)\]:(?P<port>[0-9]+):?(?P<path>/.*)",
        "holds brackets, which ssh takes for a part of the host",
        r"\g<user>\g<host>:\g<path>",
        r"; ssh_port = \g<port> sets the port",
    ),
    _OtherForm(
        r"(?P<user>(?:[^/@\[]*@)?)\[(?P<host>[^]:/]+)\]:(?P<path>/.*)",
        "holds brackets, which ssh takes for a part of the host",
        r"\g<user>\g<host>:\g<path>",
    ),
    _OtherForm(
        r"(?P<login>[^/:]+)::/?(?P<path>.*)",
        "has two colons after its host",
        r"\g<login>:/\g<path>",
    ),
    _OtherForm(
        r"(?P<login>[^/:@]+@[^/:@]+)(?P<path>/.*)",
        "has no colon after its host",
        r"\g<login>:\g<path>",
    ),
    _OtherForm(
        r"//(?P<login>[^/:]+)(?P<path>/.*)",
        "begins with two slashes: a host may be meant, or a path",
        r"\g<login>:\g<path>",
        r', or "/\g<login>\g<path>" on this host',
    ),
)
"""Forms of ssh, scp, rsync and others; the first that matches counts."""

_COMMAND = re.compile(r"(?:\S*/)?(?:ssh|rsh|hammer|scp|rsync)\s.*")


@dataclass(frozen=True, slots=True)
class _Parts:
    """The text of an endpoint, cut as hammer cuts it; `login` is None without a colon."""

    login: str | None
    path: str

    @property
    def user(self) -> str | None:
        return self.login.partition("@")[0] if self.login and "@" in self.login else None

    @property
    def host(self) -> str | None:
        if self.login is None or self.user is None:
            return self.login
        return self.login.partition("@")[2]


def read_endpoint(value: object) -> Endpoint:
    """Read an endpoint of a pair; trailing slashes are cut.

    Raises:
        InvalidValue: with all its problems.
    """
    text = values.read_text(value)
    parts = _cut(text)
    problems = tuple(_problems(text, parts))
    if problems:
        raise values.InvalidValue(*problems)
    path = values.tidy_path(parts.path)
    return (
        Endpoint(path) if parts.host is None else Endpoint(path, SshHost(parts.host, parts.user))
    )


def _cut(text: str) -> _Parts:
    login, colon, path = text.partition(":")
    return _Parts(login, path) if colon else _Parts(None, text)


def _problems(text: str, parts: _Parts) -> Iterator[values.Problem]:
    if url := _URL.match(text):
        yield values.Problem(_A_URL, _url_hint(url))
    elif _COMMAND.fullmatch(text):
        yield values.Problem("is a command line", FORMS_HINT)
    elif _IPV6.fullmatch(text.partition("/")[0]):
        yield values.Problem(
            "holds an IPv6 address, which hammer cuts at its first colon",
            "give the host a name in /etc/hosts or in root's .ssh/config",
        )
    elif (other := _other_form(text)) is not None:
        yield other
    elif parts.login is not None and "/" in parts.login:
        yield values.Problem(
            "holds a `:` in a local path: hammer takes what stands before it as a host",
            "reach the PFS by a path without a colon",
        )
    else:
        yield from _login_problems(parts)
        yield from _path_problems(parts)


def _other_form(text: str) -> values.Problem | None:
    """Return the problem of another program's form, if hammer's form of it would be taken."""
    for other in _OTHER_FORMS:
        match = re.fullmatch(other.pattern, text)
        if match and _is_taken(form := match.expand(other.form)):
            return values.Problem(other.what, f'write "{form}"{match.expand(other.also)}')
    return None


def _is_taken(form: str) -> bool:
    return not any(_problems(form, _cut(form)))


def _form_hint(form: str) -> str:
    """Return a hint with a form to write, unless that form is refused, too."""
    return f'write "{form}"' if _is_taken(form) else FORMS_HINT


def _url_hint(url: re.Match[str]) -> str:
    """Return a hint with hammer's form of the endpoint that a URL seems to mean."""
    scheme, rest = url["scheme"], _unescaped(url["rest"])
    if scheme.lower().rpartition("+")[2] not in SCHEMES:
        # nas.lan://Backup/pfs: a host, and a slash too many.
        form = f"{scheme}:/{rest}" if scheme else f"/{rest}"
        is_host = not scheme or set(scheme) & {".", "@"}
        return (
            _form_hint(form) if is_host else f'{FORMS_HINT}, like "{form}" if {scheme} is a host'
        )
    if url[0].startswith(f"{scheme}:///"):
        return _form_hint(f"/{rest}")
    login, slash, path = rest.partition("/")
    if not (slash and path):
        return FORMS_HINT
    if scheme.lower() == "file" and login == "localhost":
        return _form_hint(f"/{path}")
    other = _other_form(f"{login}/{path}") if ":" in login else None
    return other.hint if other is not None else _form_hint(f"{login.rstrip(':')}:/{path}")


def _unescaped(text: str) -> str:
    return re.sub(r"%([2-7][0-9A-Fa-f])", lambda match: chr(int(match[1], 16)), text)


def _login_problems(parts: _Parts) -> Iterator[values.Problem]:
    for kind, name in (("user", parts.user), ("host", parts.host)):
        if name is not None and _HOST.fullmatch(name) is None:
            hint = "write host:/path or user@host:/path"
            yield values.Problem(_name_fault(kind, name), hint)


def _name_fault(kind: str, name: str) -> str:
    if not name:
        return f"names no {kind}"
    if name.startswith("-"):
        return f"has a {kind} that starts with `-`, which ssh takes for an option"
    if "@" in name:
        return "names two users"
    return f"has a {kind} with other characters than letters, digits and . _ -"


def _path_problems(parts: _Parts) -> Iterator[values.Problem]:
    path = parts.path
    if path.startswith("-"):
        what = "has a path that starts with `-`, which hammer takes for an option"
        yield values.Problem(what, "write the absolute path of the PFS")
    elif not path.startswith("/"):
        like = (
            f"{parts.login or 'host'}:/Backup1/pfs/test"
            if parts.login is not None
            else ("/Backup1/pfs/test")
        )
        yield values.Problem("must have an absolute path", f'write it like "{like}"')
    if values.has_dot_dot(path):
        yield values.DOT_DOT
    if values.is_path_too_long(f"{parts.login or ''}:{path}"):
        yield values.PATH_TOO_LONG
    if "@" in path:
        what = "holds an `@` in its path, which hammer takes for the end of a user"
        yield values.Problem(what, "name the PFS by its link, like /Backup1/pfs/test")
    special = {char for char in path if char.isspace() or char in _SHELL}
    if special and parts.login is not None:
        listed = " ".join("blank" if char.isspace() else char for char in sorted(special))
        what = f"holds characters in a remote path that the remote shell interprets: {listed}"
        yield values.Problem(what, "link the PFS under a plain name on the remote host")
