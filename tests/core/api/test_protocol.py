"""Tests the control protocol: messages survive the sockets, and all else is refused."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerd.core.api.protocol import (
    MAX_REQUEST_BYTES,
    READ_VERBS,
    Answer,
    Refusal,
    Request,
    Verb,
    encode_reply,
    encode_request,
    parse_reply,
    parse_request,
    refuse_unknown,
)
from hammerd.core.errors import ControlError


def test_a_request_is_one_line_of_json():
    line = encode_request(Request(Verb.PAUSE, ("home", "mail"), 7200.0))

    assert line == b'{"verb":"pause","pairs":["home","mail"],"for_s":7200.0}\n'


@given(
    st.sampled_from(Verb),
    st.lists(st.text(), unique=True).map(tuple),
)
def test_a_request_arrives_as_it_was_sent(verb: Verb, pairs: tuple[str, ...]):
    request = Request(verb, tuple(name for name in pairs if name.isprintable()))

    assert request == parse_request(encode_request(request))


def test_name_given_twice_counts_once():
    request = parse_request(b'{"verb":"restart","pairs":["a","b","a"]}')

    assert Request(Verb.RESTART, ("a", "b")) == request


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "the request is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"[]", "the request is not a JSON object"),
        (b"{}", "the request's verb is unknown: null"),
        (b'{"verb":"explode"}', 'the request\'s verb is unknown: "explode"'),
        (b'{"verb":["status"]}', 'the request\'s verb is unknown: ["status"]'),
        (b'{"verb":"status","pairs":"home"}', "the request's pairs are not a list of names"),
        (b'{"verb":"status","pairs":[1]}', "the request's pairs are not a list of names"),
        (b'{"verb":"status","x":1,"a":2}', 'the request has fields that mean nothing: "a", "x"'),
        (b'{"verb":"resume","for_s":3}', "the verb resume takes no time"),
        (b'{"verb":"pause","for_s":"3"}', "the request's for_s is not a number of seconds"),
        (b'{"verb":"pause","for_s":true}', "the request's for_s is not a number of seconds"),
        (b'{"verb":"pause","for_s":0}', "the request's for_s is not a number of seconds"),
        (b'{"verb":"pause","for_s":NaN}', "the request's for_s is not a number of seconds"),
        (b'{"verb":"pause","for_s":1e999}', "the request's for_s is not a number of seconds"),
        (b" " * (MAX_REQUEST_BYTES + 1), "the request is longer than 65536 bytes"),
    ],
)
def test_invalid_request_is_refused(line: bytes, message: str):
    with pytest.raises(ControlError) as caught:
        parse_request(line)

    assert message == caught.value.message


def test_refusal_of_an_unknown_verb_lists_the_known_ones():
    with pytest.raises(ControlError) as caught:
        parse_request(b'{"verb":"stat"}')

    assert (
        caught.value.hint
        == "known: status, ping, pause, resume, restart, ack, reload, hold, release, verified,"
        " notify"
    )


@given(st.binary() | st.text().map(str.encode) | st.just(b"[" * 50_000))
def test_any_bytes_are_a_request_or_refused(line: bytes):
    with suppress(ControlError):
        parse_request(line)


def test_reading_changes_nothing():
    assert {Verb.STATUS, Verb.PING} == READ_VERBS


@pytest.mark.parametrize(
    "reply",
    [Answer({"pairs": ["höme"], "n": None}), Refusal("no such pair", "known: home"), Answer({})],
)
def test_a_reply_arrives_as_it_was_sent(reply: Answer | Refusal):
    line = encode_reply(reply)

    assert reply == parse_reply(line)
    assert line.count(b"\n") == 1


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b'{"ok":true}', b'{"ok":false,"error":"x"}', b'{"ok":1,"data":{}}', b"null"],
)
def test_invalid_reply_is_refused(line: bytes):
    with pytest.raises(ControlError):
        parse_reply(line)


def test_all_unknown_pairs_are_refused_in_one():
    refusal = refuse_unknown(("hoem", "mail", "zzz"), ("home", "mail"))

    assert refusal == Refusal(
        'no such pairs: "hoem" (did you mean "home"?), "zzz"', "known: home, mail"
    )


def test_patterns_that_match_no_pair_are_told_from_names():
    refusal = refuse_unknown(("hoem", "wob1*", "h*", "z?"), ("home", "web1"))

    assert refusal == Refusal(
        'no such pair: "hoem" (did you mean "home"?); '
        'no pair matches "wob1*" (did you mean "web1"?), "z?"',
        "known: home, web1",
    )


def test_refusal_of_thousands_of_unknown_pairs_is_short():
    asked = tuple(f"hoem{number}" for number in range(5000))

    refusal = refuse_unknown(asked, ("home", *(f"pair{number}" for number in range(100))))

    assert refusal is not None
    assert refusal.error.count("did you mean") == 3
    assert refusal.error.endswith('"hoem19" and 4980 more')
    assert refusal.hint.endswith(", pair18 and 81 more")


def test_names_that_no_terminal_can_show_are_escaped():
    refusal = refuse_unknown(("\ud800", "\x1b[2J", "x" * 50_000), ("home",))

    assert refusal is not None
    longest = '"' + "x" * 63 + '..."'
    assert refusal.error == rf'no such pairs: "\ud800", "\u001b[2J", {longest}'
    assert parse_reply(encode_reply(refusal)) == refusal


@pytest.mark.parametrize("reply", [Answer({"pairs": ["\ud800"]}), Refusal("\ud800")])
def test_half_a_character_is_sent_as_it_came(reply: Answer | Refusal):
    assert parse_reply(encode_reply(reply)) == reply


def test_known_pairs_are_not_refused():
    assert refuse_unknown(("home",), ("home", "mail")) is None
    assert refuse_unknown((), ()) is None


def test_a_refusal_is_what_the_protocol_says():
    sent = json.loads(encode_reply(Refusal("no", "yes", 77)))

    assert sent == {"ok": False, "error": "no", "hint": "yes", "code": 77}
