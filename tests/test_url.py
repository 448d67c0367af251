from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight import URL
from firstlight.errors import RequestError
from firstlight.url import (
    PATH_SAFE,
    SearchParams,
    decode_component,
    has_only_escapes,
    normalize_path,
    parse_query,
    percent_decode,
    percent_encode,
)

URLS = {
    # href: protocol, host, hostname, port, pathname, search, hash
    "http://a.test": ("http:", "a.test", "a.test", "", "/", "", ""),
    "HTTPS://A.Test/B?C=D#E": ("https:", "a.test", "a.test", "", "/B", "?C=D", "#E"),
    "http://a.test:80/": ("http:", "a.test", "a.test", "", "/", "", ""),
    "https://a.test:443/x": ("https:", "a.test", "a.test", "", "/x", "", ""),
    "https://a.test:80/x": ("https:", "a.test:80", "a.test", "80", "/x", "", ""),
    "http://a.test:8787/x": ("http:", "a.test:8787", "a.test", "8787", "/x", "", ""),
    "http://a.test:/x": ("http:", "a.test", "a.test", "", "/x", "", ""),
    "http://[::1]/x": ("http:", "[::1]", "[::1]", "", "/x", "", ""),
    "http://[::1]:80/x": ("http:", "[::1]", "[::1]", "", "/x", "", ""),
    "http://[fe80::80]:8080/": ("http:", "[fe80::80]:8080", "[fe80::80]", "8080", "/", "", ""),
    "http://user:p@a.test:81/": ("http:", "a.test:81", "a.test", "81", "/", "", ""),
    "http://a.test?q=1": ("http:", "a.test", "a.test", "", "/", "?q=1", ""),
    "http://a.test/?": ("http:", "a.test", "a.test", "", "/", "", ""),
    "http://a.test/#": ("http:", "a.test", "a.test", "", "/", "", ""),
    "http://a.test/?a?b#c?d": ("http:", "a.test", "a.test", "", "/", "?a?b", "#c?d"),
    "http://a.test//b//": ("http:", "a.test", "a.test", "", "//b//", "", ""),
    "http://a.test/%2e%2E/é": ("http:", "a.test", "a.test", "", "/%2e%2E/é", "", ""),
    "http://a.test/?u=http://b/@": ("http:", "a.test", "a.test", "", "/", "?u=http://b/@", ""),
}


@pytest.mark.parametrize(("href", "expected"), URLS.items())
def test_url_is_taken_apart(href: str, expected: tuple[str, ...]) -> None:
    url = URL(href)
    parts = (url.host, url.hostname, url.port, url.pathname, url.search, url.hash)

    assert (url.protocol, *parts) == expected


def test_url_is_put_together_again() -> None:
    url = URL("HTTPS://me@A.test:443/a%20b?q=1#top")

    assert url.origin == "https://a.test"
    assert url.href == str(url) == "https://a.test/a%20b?q=1#top"
    assert repr(url) == "URL('https://a.test/a%20b?q=1#top')"


def test_url_compares_by_href() -> None:
    assert URL("http://a.test") == URL("http://a.test:80/")
    assert URL("http://a.test") != URL("http://a.test/b")
    assert URL("http://a.test/") != "http://a.test/"
    assert len({URL("http://a.test"), URL("http://A.test/")}) == 1


@pytest.mark.parametrize("href", ["", "/a", "a.test", "//a.test/", "/login?next=http://b/", "://a"])
def test_url_must_be_absolute(href: str) -> None:
    with pytest.raises(ValueError, match="absolute") as caught:
        URL(href)

    assert str(caught.value) == f"`{href}` is no absolute URL."


def test_url_with_path_keeps_the_query_unless_given() -> None:
    url = URL("http://a.test:81/b?q=1#top")

    assert url.with_path("/c").href == "http://a.test:81/c?q=1"
    assert url.with_path("/c", "").href == "http://a.test:81/c"
    assert url.with_path("/c", "?r=2").href == "http://a.test:81/c?r=2"


def test_search_params_are_a_multi_mapping() -> None:
    params = URL("http://a.test/?a=1&b=2&a=3&empty=&flag").search_params

    assert params.get("a") == params["a"] == "1"
    assert params.get_all("a") == ["1", "3"]
    assert params.get("none") is None
    assert params.get("none", "x") == "x"
    assert params.get_all("none") == []
    assert "flag" in params
    assert params.items() == [("a", "1"), ("b", "2"), ("a", "3"), ("empty", ""), ("flag", "")]
    assert list(params) == ["a", "b", "empty", "flag"]
    assert len(params) == 5
    with pytest.raises(KeyError, match="none"):
        params["none"]


def test_search_params_are_parsed_once() -> None:
    url = URL("http://a.test/?a=1")

    assert url.search_params is url.search_params
    assert len(SearchParams("")) == 0


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        ("", []),
        ("&&", []),
        ("a", [("a", "")]),
        ("=b", [("", "b")]),
        ("a=b=c", [("a", "b=c")]),
        ("a+b=c+d", [("a b", "c d")]),
        ("a%2Bb=%20", [("a+b", " ")]),
        ("%C3%A9=%e2%82%ac", [("é", "€")]),
        ("a=%FF", [("a", "\ufffd")]),
        ("a=100%&b=%zz&c=%2", [("a", "100%"), ("b", "%zz"), ("c", "%2")]),
        ("a=1;b=2", [("a", "1;b=2")]),
        ("?a=1", [("?a", "1")]),
        ("a=é", [("a", "é")]),
    ],
)
def test_parse_query_follows_the_url_standard(query: str, pairs: list[tuple[str, str]]) -> None:
    assert parse_query(query) == pairs


def test_decode_component_survives_lone_surrogates() -> None:
    assert decode_component("\ud800%41") == "\ufffd\ufffd\ufffdA"


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("AZaz09-._~", "AZaz09-._~"),
        ("a b/c", "a%20b%2Fc"),
        ("é€😀", "%C3%A9%E2%82%AC%F0%9F%98%80"),
        ("100%", "100%25"),
        ("\x00\n", "%00%0A"),
        ("\ud800", "%ED%A0%80"),
    ],
)
def test_percent_encode_leaves_only_the_unreserved(text: str, encoded: str) -> None:
    assert percent_encode(text) == encoded


def test_percent_encode_of_a_path_escapes_what_would_end_it() -> None:
    assert percent_encode("/a?b#c%d e[f]@:|", PATH_SAFE) == "/a%3Fb%23c%25d%20e[f]@:|"


@pytest.mark.parametrize(
    ("text", "decoded"),
    [("a%20b", "a b"), ("%25%32%35", "%25"), ("%", "%"), ("%4", "%4"), ("é", "é")],
)
def test_percent_decode_decodes_once(text: str, decoded: str) -> None:
    assert percent_decode(text) == decoded


def test_percent_decode_refuses_what_is_not_utf_8() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        percent_decode("%C0%AF")


@given(st.text())
def test_percent_decode_undoes_percent_encode(text: str) -> None:
    assert percent_decode(percent_encode(text)) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", True), ("a%2fb%C3", True), ("%", False), ("%4", False), ("%G0", False)],
)
def test_has_only_escapes_looks_at_every_percent_sign(text: str, *, expected: bool) -> None:
    assert has_only_escapes(text) is expected


@pytest.mark.parametrize(
    ("path", "normalized"),
    [
        ("/", "/"),
        ("/a/b/", "/a/b/"),
        ("//a///b//", "/a/b/"),
        ("///", "/"),
        ("/a%20b", "/a b"),
        ("/%C3%A9", "/é"),
        ("/a%2Fb", "/a/b"),
        ("/a%5Cb", "/a/b"),
        ("\\a\\b", "/a/b"),
        ("/a%252Fb", "/a/b"),
        ("/%3Fa%23b", "/?a#b"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/../../b", "/b"),
        ("/%2e%2e/b", "/b"),
        ("/a/%2E./b", "/b"),
        ("/a/%252e%252e/b", "/b"),
        ("/a%2f..%2fb", "/b"),
        ("/a/..%5Cb", "/b"),
        ("/a/.", "/a/"),
        ("/a/b/..", "/a/"),
        ("/a/..", "/"),
        ("/.", "/"),
        ("/..", "/"),
        ("/a/...", "/a/..."),
        ("/.well-known/x", "/.well-known/x"),
        ("/a/b.", "/a/b."),
        ("/a/..b/c..", "/a/..b/c.."),
        ("/%25", "/%"),
        ("/100%25%20done", "/100% done"),
        ("/%255B_key%255D", "/[_key]"),
        ("/%09", "/\t"),
    ],
)
def test_normalize_path_gives_one_spelling(path: str, normalized: str) -> None:
    assert normalize_path(path) == normalized


@pytest.mark.parametrize("path", ["/%", "/%4", "/%GG", "/a%2", "/%\ud800"])
def test_normalize_path_refuses_malformed_escapes(path: str) -> None:
    assert refusal(path) == "The path holds a malformed percent-escape."


@pytest.mark.parametrize("path", ["/%C0%AF", "/%FF", "/%ED%A0%80", "/%25FF", "/\ud800%41"])
def test_normalize_path_refuses_what_is_not_utf_8(path: str) -> None:
    assert refusal(path) == "The path is not UTF-8."


@pytest.mark.parametrize("path", ["/a%00", "/a%0D", "/a%0Ab", "/a%250A", "/a\x00"])
def test_normalize_path_refuses_control_characters(path: str) -> None:
    assert refusal(path) == "The path holds a control character."


def test_normalize_path_decodes_ten_times_and_no_more() -> None:
    assert normalize_path("/%" + "25" * 9 + "61") == "/a"
    assert refusal("/%" + "25" * 10 + "61") == "The path is percent-encoded more than 10 times."


@given(st.text(st.sampled_from("/\\.ab%25eE")))
def test_normalize_path_leaves_nothing_to_normalize(text: str) -> None:
    try:
        path = normalize_path(f"/{text}")
    except RequestError:
        return

    assert path.startswith("/")
    assert "//" not in path
    assert "\\" not in path
    assert not {".", ".."} & set(path.split("/"))
    assert normalize_path(percent_encode(path, PATH_SAFE)) == path


def refusal(path: str) -> str:
    with pytest.raises(RequestError) as caught:
        normalize_path(path)
    assert caught.value.status == 400
    return caught.value.message
