"""Encodings, byte order marks and typographic characters are reported as faults with hints."""

import pytest

from hammerd.core.characters import describe_character, odd_characters
from hammerd.core.config.reader import read_config
from hammerd.core.config.toml import read_directory
from hammerd.core.errors import ConfigError, Fault

GOOD = '# mirrors\n[pairs.home]\nmaster = "/B1/pfs/home"\nslave = "/B2/pfs/home"\n'


def fault_of(content: bytes) -> Fault:
    with pytest.raises(ConfigError) as caught:
        read_config(content, "test.toml")
    (fault,) = caught.value.faults
    return fault


@pytest.mark.parametrize("text", [GOOD, GOOD.replace("\n", "\r\n")])
def test_a_byte_order_mark_of_utf_8_is_accepted(text: str):
    content = b"\xef\xbb\xbf" + text.encode()

    assert read_config(content, "x") == read_config(text.encode(), "x")
    assert read_directory("run_dir", content, "x") == read_directory("run_dir", text.encode(), "x")


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("utf-32", "UTF-32"),
    ],
)
def test_another_encoding_is_named(encoding: str, name: str):
    fault = fault_of(GOOD.encode(encoding))

    assert fault.what.startswith(f"is in {name}, ")
    assert fault.hint.startswith("save it as UTF-8")


@pytest.mark.parametrize(
    "mark", [b"\xfe\xff", b"\xff\xfe", b"+/v8-", b"\x84\x31\x95\x33", b"\xdd\x73\x66\x73"]
)
def test_a_byte_order_mark_names_its_encoding(mark: bytes):
    assert "by its byte order mark" in fault_of(mark + GOOD.encode()).what


def test_a_byte_order_mark_elsewhere_is_named():
    joined = b"[daemon]\n\xef\xbb\xbf" + GOOD.encode()

    assert fault_of(joined).where.startswith("line 2")
    assert "a byte order mark (U+FEFF): delete it" in fault_of(joined).hint


@pytest.mark.parametrize(
    ("char", "words"),
    [
        ("\u00a0", "a no-break space (U+00A0): type a blank instead"),
        ("\u202f", "a narrow no-break space (U+202F): type a blank instead"),
        ("\u3000", "an ideographic space (U+3000): type a blank instead"),
        ("\u200b", "a zero width space (U+200B): delete it"),
        ("\u200e", "a left-to-right mark (U+200E): delete it"),
        ("\u00ad", "a soft hyphen (U+00AD): delete it"),
        ("\ufeff", "a byte order mark (U+FEFF): delete it"),
        ("\ufe0f", "a variation selector-16 (U+FE0F): delete it"),
        ("\u2028", "a line separator (U+2028): end the line with a newline"),
        ("\uff1d", "a fullwidth equals sign (U+FF1D): type = instead"),
        ("\u2013", "an en dash (U+2013): type - instead"),
        ("\x07", "a control character (U+0007): delete it"),
        ("\u00e9", "a latin small letter e with acute (U+00E9): put it in quotes"),
    ],
)
@pytest.mark.parametrize(
    "line", ["{}delay = '5s'", "delay{}= '5s'", "delay = '5s'{}", "[pairs.a{}]"]
)
def test_a_strange_character_between_words_is_named(line: str, char: str, words: str):
    fault = fault_of(f"[defaults]\n{line.format(char)}\n".encode())

    assert fault.where.startswith("line 2")
    assert words in fault.hint


def test_a_lone_carriage_return_is_named():
    fault = fault_of(b"[defaults]\rdelay = '5s'\r")

    assert "a carriage return (U+000D): end the line with a newline" in fault.hint


def test_characters_in_strings_and_comments_are_no_cause():
    fault = fault_of("[defaults]\ndelay = 5s # \u00a0\u201cso\u201d\n".encode())

    assert "holds" not in fault.hint


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("/B2/pfs/home\u00a0", "holds a no-break space (U+00A0)"),
        ("\u200b/B2/pfs/home", "holds a zero width space (U+200B)"),
        ("/B2/pfs/\x1b[1m", "holds an escape character (U+001B)"),
    ],
)
def test_an_invisible_character_in_a_value_is_named(value: str, words: str):
    escaped = value.replace("\x1b", "\\u001b")
    fault = fault_of(GOOD.replace("/B2/pfs/home", escaped).encode())

    assert (fault.where, fault.what) == ("pairs.home.slave", words)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('delay = "\u201c5s\u201d"', 'a left double quotation mark (U+201C): type " instead'),
        ('lag_warning = "\uff15m"', "a fullwidth digit five (U+FF15): type 5 instead"),
        ('[pairs.b]\nmaster = "/m"\nslave = "\u201c/x\u201d"', "mark (U+201D): type"),
        ('[pairs."a\u2014b"]\nmaster = "/m"\nslave = "/s"', "an em dash (U+2014): type - instead"),
    ],
)
def test_a_character_like_a_plain_one_is_named_beside_the_fault(line: str, words: str):
    fault = fault_of((GOOD + line).encode())

    assert words in fault.hint


def test_ordinary_letters_are_not_odd():
    assert odd_characters("/Backup/pfs/M\u00fcller \u65e5\u672c") == ()


def test_every_character_has_a_name():
    assert all(" (U+" in describe_character(chr(code)) for code in range(0x11000))
