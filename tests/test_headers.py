from __future__ import annotations

import pytest

from firstlight import Headers
from firstlight.headers import has_control_character, is_token


def test_headers_ignore_letter_case() -> None:
    headers = Headers({"Content-Type": "text/html"})

    assert headers["CONTENT-type"] == "text/html"
    assert headers.get("content-type") == "text/html"
    assert "Content-Type" in headers
    assert headers.items() == [("content-type", "text/html")]


def test_headers_append_keeps_and_set_replaces() -> None:
    headers = Headers()
    headers.append("Accept", "a")
    headers.append("x", "1")
    headers.append("accept", "b")
    assert headers.get("accept") == "a, b"
    assert headers.get_all("Accept") == ["a", "b"]

    headers["ACCEPT"] = "c"
    assert headers.items() == [("x", "1"), ("accept", "c")]


def test_headers_set_default_keeps_what_is_there() -> None:
    headers = Headers({"a": "1"})
    headers.set_default("A", "2")
    headers.set_default("B", "3")

    assert headers.items() == [("a", "1"), ("b", "3")]


def test_headers_delete_removes_every_value() -> None:
    headers = Headers([("a", "1"), ("b", "2"), ("A", "3")])
    del headers["A"]

    assert headers.items() == [("b", "2")]
    with pytest.raises(KeyError):
        del headers["a"]


def test_headers_missing_name() -> None:
    headers = Headers({"a": "1"})

    assert headers.get("b") is None
    assert headers.get("b", "default") == "default"
    assert headers.get_all("b") == []
    assert 5 not in headers
    with pytest.raises(KeyError, match="b"):
        headers["b"]


def test_headers_iterate_over_names_once() -> None:
    headers = Headers([("b", "1"), ("a", "2"), ("B", "3")])

    assert list(headers) == ["b", "a"]
    assert len(headers) == 2


def test_headers_from_headers_are_a_copy() -> None:
    first = Headers([("set-cookie", "a=1"), ("set-cookie", "b=2")])
    second = Headers(first)
    second.append("x", "1")

    assert first.get_all("set-cookie") == second.get_all("set-cookie") == ["a=1", "b=2"]
    assert "x" not in first


def test_headers_are_equal_by_fields_and_not_hashable() -> None:
    assert Headers({"A": "1"}) == Headers([("a", "1")])
    assert Headers({"a": "1"}) != Headers({"a": "2"})
    assert Headers() != {}
    with pytest.raises(TypeError):
        hash(Headers())


def test_headers_repr_shows_fields() -> None:
    assert repr(Headers({"A": "1"})) == "Headers([('a', '1')])"


def test_headers_of_trusted_takes_pairs_as_they_are() -> None:
    assert Headers.of_trusted([("a", "1")]).items() == [("a", "1")]


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: evil=1", "a\n", "a\r", "\x00", "\x1b", "\x7f"])
def test_headers_refuse_control_characters(value: str) -> None:
    message = f"The value of header `X-A` holds a control character: {value!r}."
    headers = Headers()
    with pytest.raises(ValueError, match="control character") as appended:
        headers.append("X-A", value)
    with pytest.raises(ValueError, match="control character"):
        headers["X-A"] = value

    assert str(appended.value) == message
    assert headers.items() == []


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\n", "é", "a\x00", "(a)", " a"])
def test_headers_refuse_names_that_are_no_tokens(name: str) -> None:
    with pytest.raises(ValueError, match="not a token") as caught:
        Headers({name: "1"})

    assert str(caught.value) == f"{name!r} cannot be a header name: it is not a token (RFC 9110)."


def test_headers_refuse_characters_outside_latin_1() -> None:
    with pytest.raises(ValueError, match="Latin-1") as caught:
        Headers({"x-city": "Łódź"})

    assert str(caught.value) == (
        "The value of header `x-city` holds characters outside Latin-1: 'Łódź'. "
        "Percent-encode them."
    )
    assert Headers({"x-city": "Orléans"})["x-city"] == "Orléans"


def test_headers_strip_spaces_around_a_value_and_keep_tabs_inside() -> None:
    assert Headers({"a": " \tx\ty "})["a"] == "x\ty"


@pytest.mark.parametrize(
    ("text", "expected"), [("a!#$%&'*+-.^_`|~9Z", True), ("", False), ("a=b", False), ("a;", False)]
)
def test_is_token_follows_rfc_9110(text: str, *, expected: bool) -> None:
    assert is_token(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"), [("a\tb", False), ("a\x1fb", True), ("\x7f", True), ("é\x80", False)]
)
def test_has_control_character_lets_tabs_pass(text: str, *, expected: bool) -> None:
    assert has_control_character(text) is expected


def test_headers_that_were_copied_change_alone() -> None:
    first = Headers({"a": "1"})
    second = Headers(first)

    second["a"] = "2"
    first.append("b", "3")

    assert first.fields == (("a", "1"), ("b", "3"))
    assert second.fields == (("a", "2"),)
