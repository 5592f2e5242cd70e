"""Diagnoses what ssh, shells, banners and start-up files print on a stream's stderr.

A login may print anything and go on, and then data flows. So none of these messages ends a
stream: they are a cause only after it has ended (core/pair/complaints.py). Of several the one with
the highest weight counts:

    PARTING   ssh or a shell prints it and exits: a line in exactly their own form
    PASSING   the same words in another form, or an error that a login survives

In a hint the words HOST, HOSTNAME, PAIR, FORGET_KEY and FETCH_KEY stand for those of the pair
(core/hammer/hints.py).
"""

import re
from functools import partial

from hammerd.core.hammer.diagnostic_rows import ComplaintRow, refused, retry
from hammerd.core.hammer.messages import Weight

ROOT_HINT = (
    "mirroring needs root at both ends: start hammerd as root, and log in to the other host as"
    " root (a forced command in authorized_keys limits what that root may do)"
)
PERMISSION_HINT = "the user may not open this path or run hammer; hammer needs root at both ends"
USAGE_HINT = (
    "a hammer does not know how it was called; is the hammer of both hosts DragonFly's own,"
    " and of like age?"
)
SHORTAGE_HINT = "the host is short of memory, processes or descriptors: see top, and limits(1)"

_PARTING = re.compile(
    r"^ssh: "
    r"|^Host key verification failed\.$"
    r"|^(?:No \S+ host key is known|(?:Host|\S+ host) key) for \S+ .*and you have requested strict"
    r"|^(?:\S+@\S+: )?Permission denied \([\w,@.-]+\)\.$"
    r"|^(?:Received disconnect|Disconnected) from \S+ "
    r"|^Connection (?:reset|closed) by \S+(?: port \d+)?(?: \[preauth\])?\.?$"
    r"|^Connection to \S+ (?:port \d+ )?(?:closed by remote host|timed out)\.$"
    r"|^Connection to \S+ closed\.$"
    r"|^Connection timed out during banner|^Timeout, server \S+ not responding\.$"
    r"|^Unable to negotiate with |^Connection corrupted"
    r"|^(?:kex_exchange_identification|ssh_exchange_identification|client_loop"
    r"|packet_write_wait|ssh_dispatch_run_fatal|Write failed|Read from remote host .+): "
    r"|: terminating, \d+ bad configuration|^Bad owner or permissions on |^jumphost loop via "
    r"|^This account is (?:currently )?not available\.$"
    r"|\bhammer['\"]?: (?:(?:inaccessible or |[Cc]ommand )?not found|No such file or directory"
    r"|Permission denied)\.?$"
    r"|^zsh:\d+: (?:command not found|no such file or directory|permission denied): \S*hammer$"
    r"|Unknown command:? .?hammer"
)


def weight_of(row: ComplaintRow, text: str) -> Weight:
    """Return the weight of a line that a row has matched."""
    if row.weight is Weight.PASSING and _PARTING.search(text):
        return Weight.PARTING
    return row.weight


_refused = partial(refused, weight=Weight.PASSING)
_retry = partial(retry, weight=Weight.PASSING)

SHELLS = (
    _refused(
        "remote_hammer_missing",
        r"\bhammer['\"]?: (?:inaccessible or |[Cc]ommand )?not found"
        r"|\bhammer['\"]?: No such file|Unknown command:? .?hammer"
        r"|^zsh:\d+: (?:command not found|no such file or directory): (?:\S*/)?hammer$",
        "the shell of HOST does not find hammer: set the key remote_hammer to its path there,"
        ' most often "/sbin/hammer", and print the line of a restricted key anew: "hammerd'
        ' authorized-keys PAIR"',
    ),
    _refused(
        "permission_denied",
        r"\bhammer['\"]?: Permission denied|^zsh:\d+: permission denied: (?:\S*/)?hammer$",
        PERMISSION_HINT,
    ),
)
"""The errors of a shell that starts hammer. csh prints no prefix before
`hammer: Command not found.`, and zsh prints the name last."""

# A banner may mention closed connections, too. So an error of ssh must have ssh's own prefix.
_SSH_PREFIX = r"^(?:ssh|kex_exchange_identification|ssh_exchange_identification): "

LOGIN = (
    _refused("usage", r"(?:illegal|unknown|invalid) option -- ", USAGE_HINT),
    _retry(
        "resources_exhausted",
        r"^\S+: .*(?:Cannot allocate memory|Failed to alloc memory|Too many open files"
        r"|Resource temporarily unavailable)",
        SHORTAGE_HINT,
    ),
    _refused(
        "host_key_rejected",
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|^(?:Host|\S+ host) key for \S+ has changed",
        "HOST shows another host key than before: another machine may pose as it. If it was"
        " reinstalled, FORGET_KEY, then FETCH_KEY, and compare the fingerprint over there",
    ),
    _refused(
        "host_key_rejected",
        r"^No \S+ host key is known for ",
        "ssh does not know the host key of HOST: FETCH_KEY, and compare the fingerprint with"
        ' "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" over there',
    ),
    _refused(
        "host_key_rejected",
        r"Host key verification failed",
        "ssh does not trust the host key of HOST: the lines before tell why; FETCH_KEY, and"
        " compare the fingerprint over there. If it goes through another host (ProxyJump), root's"
        " ~/.ssh/known_hosts must have the key of that one",
    ),
    _refused(
        "login_refused",
        r"account is .*not available",
        "the user who logs in to HOST has no shell there: log in as root (user@host, or the key"
        " ssh_user)",
    ),
    _refused(
        "login_refused",
        r"Permission denied \(|Too many authentication failures"
        r"|Permission denied, please try again",
        "HOST does not accept the key, and hammerd types no password: put the public key into"
        " authorized_keys of the user there; the key ssh_identity names the private one. Is it"
        ' there, and without a passphrase? "hammerd doctor PAIR" tells',
    ),
    _refused(
        "ssh_misconfigured",
        r"UNPROTECTED PRIVATE KEY FILE|Bad owner or permissions on|Bad configuration option"
        r"|terminating, \d+ bad configuration|no matching .+ found|^jumphost loop via "
        r"|Identity file .+ not accessible|Load key .+: ",
        "ssh rejects an option or a key of its own: see ssh_options and ssh_identity of the pair,"
        " and root's ssh_config(5)",
    ),
    _retry(
        "host_unknown",
        _SSH_PREFIX + r"(?:Could not resolve hostname|Name or service not known"
        r"|.*(?:nor servname provided|name resolution|No address associated))",
        "the host's name does not resolve: check it with drill(1), or put it into /etc/hosts",
    ),
    _retry(
        "connection_refused",
        _SSH_PREFIX + r".*Connection refused",
        'HOST is up but no sshd answers: there, "service sshd start"; is the port right (key'
        " ssh_port)?",
    ),
    _retry(
        "connection_timed_out",
        _SSH_PREFIX + r".*(?:Connection|Operation) timed out"
        r"|^Connection timed out during banner",
        "HOST does not answer: is it up, and does a firewall drop the packets?",
    ),
    _retry(
        "link_silent",
        r"^Timeout, server .+ not responding",
        "the link died without a word: HOST answered none of ssh's keepalives. Is the host up,"
        " and the network between?",
    ),
    _retry(
        "host_unreachable",
        _SSH_PREFIX + r".*(?:No route to host|(?:Network|Host) is (?:unreachable|down)"
        r"|Can't assign requested)",
        'the network does not lead to HOST: see "route -n get HOSTNAME", and ping it',
    ),
    _retry(
        "connection_lost",
        r"^Connection (?:(?:reset|closed) by |to .+ closed|corrupted)"
        r"|^(?:kex_exchange_identification|ssh_exchange_identification|client_loop"
        r"|packet_write_wait|ssh_dispatch_run_fatal|Write failed|Read from remote host .+): "
        r"|^(?:Received disconnect|Disconnected) from ",
        "the connection to HOST broke: was sshd or the host restarted, or does a router on the"
        " way forget it? See the log of sshd over there",
    ),
    _retry(
        "connection_failed",
        r"^ssh: connect to ",
        "ssh cannot connect for the reason given; a local firewall says"
        ' "Operation not permitted" or "Permission denied": see pfctl -sr or ipfw show',
    ),
)
"""The errors of ssh, and of programs in start-up files."""
