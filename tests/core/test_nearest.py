"""The known name that an unknown one looks like."""

import subprocess
import sys

from hammerd.core.nearest import did_you_mean, nearest, suggestion


def test_the_name_that_looks_most_alike_is_found() -> None:
    assert nearest("hmoe", ["mail", "home", "homer"]) == "home"
    assert nearest("zzz", ["mail", "home"]) == ""
    assert nearest("home", []) == ""


def test_a_question_is_asked_only_where_there_is_a_name() -> None:
    assert did_you_mean("home") == 'did you mean "home"?'
    assert did_you_mean("") == ""


def test_a_suggestion_stands_behind_the_unknown_name() -> None:
    assert suggestion("hmoe", ["home"]) == ' (did you mean "home"?)'
    assert suggestion("zzz", ["home"]) == ""


def test_who_asks_for_no_name_does_not_wait_for_difflib() -> None:
    code = "import sys, hammerd.core.api.protocol; print('difflib' in sys.modules)"

    found = subprocess.run(
        [sys.executable, "-IS", "-c", f"import sys; sys.path = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout == "False\n"
