"""The known name that looks like an unknown one is found."""

import subprocess
import sys

from hammerd.core.nearest import did_you_mean, nearest, suggestion


def test_the_most_similar_name_is_found() -> None:
    assert nearest("hmoe", ["mail", "home", "homer"]) == "home"
    assert nearest("zzz", ["mail", "home"]) == ""
    assert nearest("home", []) == ""


def test_an_empty_name_gives_no_question() -> None:
    assert did_you_mean("home") == 'did you mean "home"?'
    assert did_you_mean("") == ""


def test_a_suggestion_follows_the_unknown_name() -> None:
    assert suggestion("hmoe", ["home"]) == ' (did you mean "home"?)'
    assert suggestion("zzz", ["home"]) == ""


def test_import_does_not_import_difflib() -> None:
    code = "import sys, hammerd.core.api.protocol; print('difflib' in sys.modules)"

    found = subprocess.run(
        [sys.executable, "-IS", "-c", f"import sys; sys.path = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout == "False\n"
