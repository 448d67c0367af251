from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from told import says

from firstlight import Cookies
from firstlight.cookies import Cookie
from firstlight.errors import CookieError

UTC = timezone.utc  # noqa: UP017 - beside another zone below
GONE = "Expires=Thu, 01 Jan 1970 00:00:00 GMT"


def value(header: str, name: str = "a") -> str | None:
    cookie = Cookies(header).get(name)
    return None if cookie is None else cookie.value


def sent(name: str, value: Any, **options: Any) -> str:
    cookies = Cookies()
    cookies.set(name, value, **options)
    return cookies.headers()[0]


def refusal(name: str, value: Any, **options: Any) -> str:
    cookies = Cookies()
    with pytest.raises(CookieError) as caught:
        cookies.set(name, value, **options)
    assert cookies.headers() == []
    return str(caught.value)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("a=1", "1"),
        ("b=2; a=1", "1"),
        ("b=2;a=1", "1"),
        ("a=1; a=2", "1"),
        ("a=; a=2", ""),
        ("a=", ""),
        ("  a  =  1  ", "1"),
        ("a=1=2=3", "1=2=3"),
        ('a="quoted"', "quoted"),
        ('a=""', ""),
        ('a="', '"'),
        ("a=b%20c%3D", "b c="),
        ("a=%C3%A9", "é"),
        ("a=b+c", "b+c"),
        ("a=%", "%"),
        ("a=b%20c%zz", "b%20c%zz"),
        ("a=%FF", "%FF"),
        ("a=%C3", "%C3"),
        ("a=\ud800%41", "\ud800%41"),
        ("a=é", "é"),
        ("", None),
        ("a", None),
        ("ab=1", None),
        ("A=1", None),
        ("b=a=1", None),
        (";;; ;=x", None),
    ],
)
def test_get_reads_the_request_header(header: str, expected: str | None) -> None:
    assert value(header) == expected
    assert Cookies(header).has("a") is (expected is not None)


def test_get_without_a_header_finds_nothing() -> None:
    assert Cookies().get("a") is None
    assert Cookies().has("__class__") is False
    assert Cookies("a=1").headers() == []


def test_get_sees_what_was_set_and_deleted_here() -> None:
    cookies = Cookies("a=old; b=old")
    cookies.set("a", "new value")
    cookies.delete("b")

    assert str(cookies.get("a")) == "new value"
    assert (cookies.get("b"), cookies.has("b")) == (None, False)
    cookies.set("b", "")
    assert repr(cookies.get("b")) == "Cookie('')"
    assert cookies.has("b") is True


@pytest.mark.parametrize(
    ("text", "number"),
    [("22", 22), ("1.5", 1.5), ("-3", -3), ("1e3", 1000), ("", 0), (" 7 ", 7), ("%20", 0)],
)
def test_number_reads_the_value(text: str, number: float) -> None:
    cookie = Cookies(f"a={text}").get("a")

    assert cookie is not None
    assert cookie.number() == number


@pytest.mark.parametrize("text", ["1_000", "nan", "inf", "1e", "--1", "1 2", "\u0663"])
def test_number_of_what_only_python_reads_is_nan(text: str) -> None:
    assert math.isnan(Cookie(text).number())


def test_number_of_a_word_is_nan() -> None:
    cookie = Cookies("a=word").get("a")

    assert cookie is not None
    assert math.isnan(cookie.number())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", False), ("false", False), ("0", False), ("true", True), ("1", True), ("False", True)],
)
def test_boolean_is_false_for_false_and_zero_only(text: str, *, expected: bool) -> None:
    cookie = Cookies(f"a={text}").get("a")

    assert cookie is not None
    assert cookie.boolean() is expected


def test_json_parses_the_value_or_raises() -> None:
    good, bad = Cookies('a=%7B%22key%22%3A%5B1%5D%7D; b={"c"').get("a"), Cookies("b={").get("b")

    assert good is not None
    assert good.json() == {"key": [1]}
    assert bad is not None
    with pytest.raises(ValueError, match="Expecting"):
        bad.json()


def test_cookie_that_may_be_nested_too_deep_is_not_read_as_json() -> None:
    with pytest.raises(ValueError, match="more than 4096 bytes is not read as JSON"):
        Cookie("[" * 4097).json()
    assert Cookie(f'"{"[" * 4096}"').json() == "[" * 4096


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("bar", "a=bar; Path=/"),
        ("", "a=; Path=/"),
        ("http://localhost/path", "a=http://localhost/path; Path=/"),
        ("hello world", "a=hello%20world; Path=/"),
        ("a b=c/d", "a=a%20b%3Dc%2Fd; Path=/"),
        ("x;y", "a=x%3By; Path=/"),
        ("x,y", "a=x%2Cy; Path=/"),
        ('"', "a=%22; Path=/"),
        ("\\", "a=%5C; Path=/"),
        ("100%", "a=100%25; Path=/"),
        ("a%20b", "a=a%2520b; Path=/"),
        ("é€", "a=%C3%A9%E2%82%AC; Path=/"),
        ("x\r\nSet-Cookie: b=1", "a=x%0D%0ASet-Cookie%3A%20b%3D1; Path=/"),
        ("\x00\x7f", "a=%00%7F; Path=/"),
        (2, "a=2; Path=/"),
        (1.5, "a=1.5; Path=/"),
        (True, "a=true; Path=/"),
        (False, "a=false; Path=/"),
        ({"one": "two"}, "a=%7B%22one%22%3A%22two%22%7D; Path=/"),
        ([1, "b"], "a=%5B1%2C%22b%22%5D; Path=/"),
        ([], "a=[]; Path=/"),
    ],
)
def test_set_writes_the_value(value: Any, line: str) -> None:
    assert sent("a", value) == line


@pytest.mark.parametrize(
    "text", ["", "hello world", "100%", "a%20b", 'say "hi"; ok', "é😀", "\t\n\x00", "a=b&c"]
)
def test_set_value_comes_back_as_it_was(text: str) -> None:
    assert value(sent("a", text).partition(";")[0]) == text


@pytest.mark.parametrize(
    ("options", "attributes"),
    [
        ({}, "; Path=/"),
        ({"path": "/sub/"}, "; Path=/sub/"),
        ({"path": ""}, ""),
        ({"max_age": 3600}, "; Max-Age=3600; Path=/"),
        ({"max_age": 0}, "; Max-Age=0; Path=/"),
        ({"max_age": -1}, "; Max-Age=-1; Path=/"),
        ({"domain": "a.test"}, "; Domain=a.test; Path=/"),
        ({"http_only": True}, "; Path=/; HttpOnly"),
        ({"secure": True}, "; Path=/; Secure"),
        ({"partitioned": True}, "; Path=/; Partitioned"),
        ({"same_site": "lax"}, "; Path=/; SameSite=Lax"),
        ({"same_site": "Strict"}, "; Path=/; SameSite=Strict"),
        ({"same_site": "none"}, "; Path=/; SameSite=None"),
        ({"same_site": True}, "; Path=/; SameSite=Strict"),
        ({"same_site": None}, "; Path=/"),
    ],
)
def test_set_writes_each_attribute(options: dict[str, Any], attributes: str) -> None:
    assert sent("a", "1", **options) == f"a=1{attributes}"


def test_set_writes_attributes_in_one_order() -> None:
    line = sent(
        "__Host-a",
        "1",
        same_site="strict",
        partitioned=True,
        secure=True,
        http_only=True,
        expires=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
        path="/p",
        domain="a.test",
        max_age=60,
    )

    assert line == (
        "__Host-a=1; Max-Age=60; Domain=a.test; Path=/p; Expires=Wed, 02 Jan 2030 03:04:05 GMT; "
        "HttpOnly; Secure; Partitioned; SameSite=Strict"
    )


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2024, 2, 29, 23, 59, 59, 999_999, UTC), "Thu, 29 Feb 2024 23:59:59 GMT"),
        (
            datetime(2025, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=2))),
            "Tue, 31 Dec 2024 23:00:00 GMT",
        ),
        (datetime(999, 5, 1, tzinfo=UTC), "Wed, 01 May 0999 00:00:00 GMT"),
    ],
)
def test_set_writes_expires_in_gmt(moment: datetime, text: str) -> None:
    assert sent("a", "1", expires=moment) == f"a=1; Path=/; Expires={text}"


def test_headers_hold_the_last_line_of_each_name_in_order() -> None:
    cookies = Cookies()
    cookies.set("a", "1", http_only=True)
    cookies.set("b", "2")
    cookies.set("a", "3")

    assert cookies.headers() == ["a=3; Path=/", "b=2; Path=/"]


def test_delete_writes_an_end_in_the_past() -> None:
    cookies = Cookies("a=1")
    cookies.delete("a")
    cookies.delete("b", path="/sub", domain="a.test")
    cookies.delete("c", path="")

    assert cookies.headers() == [
        f"a=deleted; Path=/; {GONE}",
        f"b=deleted; Domain=a.test; Path=/sub; {GONE}",
        f"c=deleted; {GONE}",
    ]


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a;b", "a\r\nb", "a\x00", "é", "a,b", '"a"'])
def test_a_bad_name_is_refused(name: str) -> None:
    message = (
        f"`{name!r}` cannot be a cookie name: it is not a token (RFC 6265).\n"
        "  Hint: Use letters, digits, `-` and `_`."
    )

    assert refusal(name, "1") == message
    with pytest.raises(CookieError) as caught:
        Cookies().delete(name)
    assert says(caught.value, message)


@pytest.mark.parametrize("attribute", ["path", "domain"])
@pytest.mark.parametrize("bad", ["/; HttpOnly", "/\r\nX: 1", "/\x00", "/é", "/\x7f"])
def test_a_bad_attribute_is_refused(attribute: str, bad: str) -> None:
    message = (
        f"Cookie `a` cannot have the {attribute} `{bad!r}`.\n"
        "  Hint: Leave out `;`, control characters and what is not ASCII."
    )
    options: dict[str, Any] = {attribute: bad}

    assert refusal("a", "1", **options) == message
    with pytest.raises(CookieError) as caught:
        Cookies().delete("a", **options)
    assert says(caught.value, message)


@pytest.mark.parametrize("age", [1.5, "60", True, math.inf])
def test_max_age_must_be_a_whole_number(age: Any) -> None:
    assert refusal("a", "1", max_age=age) == (
        f"Cookie `a`: `max_age` is a whole number of seconds, not `{age!r}`.\n"
        "  Hint: Write `max_age=86400` for a day."
    )


@pytest.mark.parametrize("policy", ["loose", 5])
def test_same_site_must_be_a_known_one(policy: Any) -> None:
    assert refusal("a", "1", same_site=policy) == (
        f"Cookie `a`: `same_site` cannot be `{policy!r}`.\n"
        "  Hint: Use one of `strict`, `lax`, `none`."
    )


@pytest.mark.parametrize("moment", [datetime(2030, 1, 1), "Tue, 01 Jan 2030", 1893456000])
def test_expires_must_be_aware(moment: Any) -> None:
    assert refusal("a", "1", expires=moment) == (
        f"Cookie `a`: `expires` is no aware datetime, but `{moment!r}`.\n"
        "  Hint: Use an aware datetime, such as `datetime.now(UTC) + timedelta(days=1)`."
    )


@pytest.mark.parametrize(("value", "kind"), [(None, "NoneType"), (b"x", "bytes"), ({1}, "set")])
def test_a_value_of_another_type_is_refused(value: Any, kind: str) -> None:
    assert refusal("a", value) == (
        f"Cookie `a` cannot hold {kind}.\n  Hint: Give str, a number, bool, dict or list."
    )


def test_a_value_that_is_no_json_is_refused() -> None:
    assert refusal("a", {"x": {1}}) == (
        "Cookie `a` cannot hold this as JSON: Object of type set is not JSON serializable.\n"
        "  Hint: Keep text, numbers, bools, lists and dicts in it."
    )
    assert refusal("a", [math.nan]).startswith("Cookie `a` cannot hold this as JSON: Out of range")
