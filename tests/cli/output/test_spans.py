"""Layout of rows in columns."""

from hammerd.cli.output.spans import Span, align_rows, plain_text


def test_a_column_is_as_wide_as_its_widest_cell() -> None:
    rows = (("PAIR", "LAG", "NOTE"), ("home", "1h05m", "-"), ("web", "0s", "paused"))

    assert [plain_text(line) for line in align_rows(rows, "<><")] == [
        "PAIR    LAG  NOTE",
        "home  1h05m  -",
        "web      0s  paused",
    ]


def test_the_first_row_is_the_heading() -> None:
    assert list(align_rows((("A",), ("b",)), "<")) == [(Span("A", "head"),), (Span("b"),)]


def test_a_heading_needs_no_rows() -> None:
    assert list(align_rows((("A", "B"),), "<>")) == [(Span("A  B", "head"),)]
