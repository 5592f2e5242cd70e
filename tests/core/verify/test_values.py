"""The values of a verification: requests, samples, results, and which pair is due."""

import json
from dataclasses import replace

import pytest

from hammerd.core.errors import BadOutput
from hammerd.core.tid import Tid
from hammerd.core.verify.differences import Difference, Kind, counts_text
from hammerd.core.verify.points import as_of
from hammerd.core.verify.request import MILLION, EndRequest, encode_request, parse_request
from hammerd.core.verify.sample import Sample, parse_sample
from hammerd.core.verify.verified import (
    Shown,
    Verified,
    format_verified,
    parse_verified,
    shown_json,
)

RESULT = Verified("home", "/m", "/s", Tid(16), 1_700_000_000.25, 2.5, 7, 99)
DIFFERENT = replace(
    RESULT, counts={Kind.MODE: 1}, first=(Difference(Kind.MODE, "a", "0644", "0600"),)
)


def test_a_tree_as_of_a_tid_is_below_the_softlink() -> None:
    assert as_of("/pfs/s", Tid(0x1005809D9)) == "/pfs/s/@@0x00000001005809d9"


@pytest.mark.parametrize(
    "request_", [EndRequest(), EndRequest("blake2b", 4, "./a", 1000, "0x1", ("a", "b/\udcff"))]
)
def test_a_request_is_read_as_it_was_written(request_: EndRequest) -> None:
    assert parse_request(encode_request(request_)) == request_


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"{",
        b'{"jobs": 0}',
        b'{"jobs": "2"}',
        b'{"jobs": 65}',
        b'{"algorithm": "md5"}',
        b'{"other": 1}',
        b'{"after": 1}',
        b'{"only": [1]}',
    ],
)
def test_another_request_is_refused(line: bytes) -> None:
    with pytest.raises(BadOutput):
        parse_request(line)


def test_nothing_asks_for_the_whole_tree() -> None:
    assert parse_request(b"") == EndRequest()
    assert EndRequest().is_whole


@pytest.mark.parametrize(
    ("text", "share_of_1000"),
    [("10%", 100_000), ("0.5 %", 5_000), ("100%", MILLION), ("25", 25_000)],
)
def test_a_sample_is_a_share_or_a_number_of_files(text: str, share_of_1000: int) -> None:
    assert parse_sample(text).share_of(1000) == share_of_1000


def test_a_sample_of_more_files_than_there_are_is_all_of_them() -> None:
    assert (parse_sample("5000").share_of(10), parse_sample("1").share_of(0)) == (MILLION, MILLION)
    assert not parse_sample("5000").is_whole
    assert Sample().is_whole


@pytest.mark.parametrize("text", ["0", "0%", "101%", "-1", "ten", "", "5.5"])
def test_no_sample_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="share like 10%"):
        parse_sample(text)


@pytest.mark.parametrize("result", [RESULT, DIFFERENT])
def test_a_result_is_read_as_it_was_written(result: Verified) -> None:
    assert parse_verified(format_verified(result)) == result


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pair": 1}', "null"])
def test_no_result_is_refused(text: str) -> None:
    with pytest.raises(BadOutput):
        parse_verified(text)


def test_a_difference_is_critical_until_it_is_acknowledged() -> None:
    assert not Shown(RESULT).is_critical
    assert Shown(DIFFERENT).is_critical
    assert not Shown(DIFFERENT, is_acknowledged=True).is_critical


def test_the_status_names_no_paths() -> None:
    assert shown_json(Shown(DIFFERENT)) == {
        "time": "2023-11-14T22:13:20.250Z",
        "tid": "0x0000000000000010",
        "is_equal": False,
        "differences": 1,
        "is_sample": False,
        "is_acknowledged": False,
    }
    assert json.loads(format_verified(DIFFERENT))["first"][0]["path"] == "a"


def test_kinds_are_counted_in_one_order() -> None:
    assert counts_text({Kind.CONTENT: 2, Kind.MISSING: 1}) == "1 missing, 2 content"
