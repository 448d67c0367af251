from __future__ import annotations

import re
from itertools import pairwise, permutations
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from told import says

from firstlight.errors import RouteError
from firstlight.routing import (
    Part,
    Router,
    fill_pattern,
    has_extension,
    is_dynamic,
    param_names,
    parse_pattern,
    route_key,
)

Params: TypeAlias = "dict[str, str | None]"


def sorted_routes(*patterns: str) -> list[str]:
    """Sort patterns; one with a final `*` is an endpoint's."""
    return sorted(
        patterns,
        key=lambda pattern: route_key(pattern.rstrip("*"), is_endpoint=pattern.endswith("*")),
    )


def matches(path: str, *patterns: str) -> list[tuple[str, Params]]:
    ordered = sorted_routes(*patterns)
    return Router((pattern, pattern) for pattern in ordered).matches(path)


def best(path: str, *patterns: str) -> tuple[str, Params] | None:
    return next(iter(matches(path, *patterns)), None)


@pytest.mark.parametrize(
    ("pattern", "segments"),
    [
        ("/", ()),
        ("/a/b", ((Part("a"),), (Part("b"),))),
        ("/[x]", ((Part("x", is_param=True),),)),
        ("/[...x]", ((Part("x", is_param=True, is_rest=True),),)),
        ("/a-[x].b", ((Part("a-"), Part("x", is_param=True), Part(".b")),)),
        ("/[été_1]/", ((Part("été_1", is_param=True),),)),
        ("/[1x]/[$y]", ((Part("1x", is_param=True),), (Part("$y", is_param=True),))),
    ],
)
def test_parse_pattern_gives_segments_of_parts(pattern: str, segments: object) -> None:
    assert parse_pattern(pattern) == segments


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("/[a", "The brackets of `[a` do not match."),
        ("/[abc", "The brackets of `[abc` do not match."),
        ("/a]", "The brackets of `a]` do not match."),
        ("/[[a]]", "The brackets of `[[a]]` do not match."),
        ("/x[a]]y", "The brackets of `x[a]]y` do not match."),
        (
            "/x/[a][b]",
            "`[a][b]` has two parameters with nothing between them.\n"
            "  Hint: Put some text between them, such as `[a]-[b]`.",
        ),
        (
            "/[a-b]",
            "`a-b` in `[a-b]` cannot name a parameter.\n"
            "  Hint: Use letters, digits and underscores, such as `[slug]` or `[...path]`.",
        ),
        (
            "/[]",
            "`` in `[]` cannot name a parameter.\n"
            "  Hint: Use letters, digits and underscores, such as `[slug]` or `[...path]`.",
        ),
        (
            "/[..a]",
            "`..a` in `[..a]` cannot name a parameter.\n"
            "  Hint: Use letters, digits and underscores, such as `[slug]` or `[...path]`.",
        ),
        ("/[a]/[a]", "Parameter `a` stands more than once in `/[a]/[a]`."),
        ("/[a]/x/[...a]", "Parameter `a` stands more than once in `/[a]/x/[...a]`."),
        ("/[...a]/[...b]", "`/[...a]/[...b]` has more than one rest parameter."),
    ],
)
def test_parse_pattern_refuses(pattern: str, text: str) -> None:
    with pytest.raises(RouteError) as caught:
        parse_pattern(pattern)

    assert says(caught.value, text)


ORDERS = [
    ["/a", "/b", "/[x]", "/[...x]"],
    ["/static", "/game-[x]", "/[x]", "/[...x]"],
    ["/a/b", "/a/[x]", "/a", "/a/[...x]", "/[x]", "/[...x]"],
    ["/posts/[pid]", "/posts/[...slug]", "/[slug]", "/[lang]/[...rest]"],
    ["/de", "/[lang]/x", "/[lang]", "/"],
    ["/", "/[...x]"],
    ["/api/[foo]-[bar].json", "/api/[...slug].json", "/api/[x]", "/api/[...x]"],
    ["/blog/[...slug].json", "/blog/[slug]", "/blog/[...slug]"],
    ["/[a]/b", "/[a]/[b]", "/[x]", "/[a]/[...b]"],
    ["/foo*", "/foo"],
    ["/[x]*", "/[x]"],
    ["/[a]", "/[b]"],
]


@pytest.mark.parametrize("order", ORDERS, ids="|".join)
def test_route_key_sorts_into_priority_order(order: list[str]) -> None:
    for shuffled in list(permutations(order))[:200]:
        assert sorted_routes(*shuffled) == order


ASTRO_ROUTES = (
    "/",
    "/[slug]",
    "/posts/[pid]",
    "/posts/[...slug]",
    "/de",
    "/[lang]/[...catchall]",
    "/injected",
    "/empty-slug/[...slug]",
    "/api/catch/[...slug].json",
    "/api/catch/[foo]-[bar].json",
)


@pytest.mark.parametrize(
    ("path", "route", "params"),
    [
        ("/", "/", {}),
        ("/slug-1", "/[slug]", {"slug": "slug-1"}),
        ("/posts/post-1", "/posts/[pid]", {"pid": "post-1"}),
        ("/posts/1/2", "/posts/[...slug]", {"slug": "1/2"}),
        ("/posts", "/posts/[...slug]", {"slug": None}),
        ("/de", "/de", {}),
        ("/de/1/2", "/[lang]/[...catchall]", {"lang": "de", "catchall": "1/2"}),
        ("/injected/", "/injected", {}),
        ("/empty-slug", "/empty-slug/[...slug]", {"slug": None}),
        ("/api/catch/a.json", "/api/catch/[...slug].json", {"slug": "a"}),
        ("/api/catch/b/c.json", "/api/catch/[...slug].json", {"slug": "b/c"}),
        ("/api/catch/a-b.json", "/api/catch/[foo]-[bar].json", {"foo": "a", "bar": "b"}),
    ],
)
def test_astros_priority_vectors(path: str, route: str, params: Params) -> None:
    assert best(path, *ASTRO_ROUTES) == (route, params)


@pytest.mark.parametrize(
    ("pattern", "path", "params"),
    [
        ("/", "/", {}),
        ("/a", "/a", {}),
        ("/a", "/a/", {}),
        ("/a", "/A", None),
        ("/a", "/a/b", None),
        ("/a.b", "/axb", None),
        ("/[x]", "/", None),
        ("/[x]", "/a/b", None),
        ("/[x]", "/é ?#%", {"x": "é ?#%"}),
        ("/[x]", "/a\nb", {"x": "a\nb"}),
        ("/[x]/b", "/a/b", {"x": "a"}),
        ("/p-[x]", "/p-", None),
        ("/p-[x]", "/p-1-2", {"x": "1-2"}),
        ("/[x]-[y]", "/a-b-c", {"x": "a", "y": "b-c"}),
        ("/[x]-[y]", "/-b", None),
        ("/[x].json", "/a.b.json", {"x": "a.b"}),
        ("/v[a].[b]/c", "/v1.2/c", {"a": "1", "b": "2"}),
        ("/[...x]", "/", {"x": None}),
        ("/[...x]", "/a", {"x": "a"}),
        ("/[...x]", "/a/b/", {"x": "a/b"}),
        ("/a/[...x]", "/a", {"x": None}),
        ("/a/[...x]", "/ab", None),
        ("/[...x]/end", "/end", {"x": None}),
        ("/[...x]/end", "/a/b/end", {"x": "a/b"}),
        ("/[...x]/end", "/end/end", {"x": "end"}),
        ("/[...x]/end", "/a", None),
        ("/a/[...x]/[y]", "/a/b", {"x": None, "y": "b"}),
        ("/a/[...x]/[y]", "/a/b/c/d", {"x": "b/c", "y": "d"}),
        ("/a/[...x]/[y]", "/a", None),
        ("/[y]/[...x]/b/[z]", "/1/2/b/3", {"y": "1", "x": "2", "z": "3"}),
        ("/[...x].json", "/a/b.json", {"x": "a/b"}),
        ("/[...x].json", "/.json", {"x": None}),
        ("/[...x].json", "/json", None),
        ("/q-[...x]", "/q-", {"x": None}),
        ("/q-[...x]", "/q-a/b", {"x": "a/b"}),
        ("/q-[...x]/c", "/q-a/b/c", {"x": "a/b"}),
    ],
)
def test_router_matches_one_pattern(pattern: str, path: str, params: Params | None) -> None:
    assert matches(path, pattern) == ([] if params is None else [(pattern, params)])


def test_router_lists_every_match_best_first() -> None:
    routes = ("/[...x]", "/[x]", "/a-[x]", "/a-b", "/[y]", "/c")

    assert [route for route, _ in matches("/a-b", *routes)] == [
        "/a-b",
        "/a-[x]",
        "/[x]",
        "/[y]",
        "/[...x]",
    ]


def test_router_keeps_the_order_it_is_given() -> None:
    router = Router([("/[...x]", 1), ("/a", 2), ("/[x]", 3), ("/a/", 4)])

    assert [route for route, _ in router.matches("/a")] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("routes", "path"),
    [(("/a[...p]", "/aa[...p]/b"), "/a"), (("/[x]/[...p]a", "/[x]/[...p]aa"), "/b/a")],
)
def test_router_lists_a_route_once(routes: tuple[str, ...], path: str) -> None:
    router = Router((route, route) for route in routes)

    assert [route for route, _ in router.matches(path)] == [routes[0]]


def test_router_hands_out_parameters_of_its_own() -> None:
    router = Router([("/[x]", 1), ("/a", 2)])
    for _, params in router.matches("/a"):
        params["y"] = "z"

    assert [params for _, params in router.matches("/a")] == [{"x": "a"}, {}]


def test_router_without_routes_matches_nothing() -> None:
    assert Router[str]([]).matches("/") == []


TEXT = st.text(st.sampled_from("ab-."), min_size=1, max_size=3)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    """Draw a valid pattern with at most one rest parameter."""
    shapes = ["{t}", "[{p}]", "{t}[{p}]", "[{p}]{t}", "[{p}]-[{q}]", "{t}[{p}]{t}"]
    rests = ["[...{p}]", "[...{p}]{t}", "{t}[...{p}]", "[...{p}]-[{q}]"]
    drawn = draw(st.lists(st.sampled_from(shapes), max_size=4))
    if draw(st.booleans()):
        drawn.insert(draw(st.integers(0, len(drawn))), draw(st.sampled_from(rests)))
    names = [(f"p{index}", f"q{index}") for index in range(len(drawn))]
    return "/" + "/".join(
        shape.format(t=draw(TEXT), p=p, q=q) for shape, (p, q) in zip(drawn, names, strict=True)
    )


def naive_match(pattern: str, path: str) -> Params | None:
    """Match by one regular expression over the whole path, written from astro.md 2a."""
    expression = re.sub(r"(/?)\[(\.\.\.)?(\w+)\](?=(/|$)?)|[^\[]", part, pattern.rstrip("/"))
    found = re.fullmatch(expression + "/?", path)
    return found and {name: value or None for name, value in found.groupdict().items()}


def part(found: re.Match[str]) -> str:
    slash, dots, name, end = found.groups()
    if name is None:
        return re.escape(found[0])
    if dots and slash and end is not None:
        return f"(?:/(?P<{name}>.*?))?"
    return slash + (f"(?P<{name}>.*?)" if dots else f"(?P<{name}>[^/]+?)")


@settings(max_examples=400, deadline=None)
@given(
    st.lists(patterns(), min_size=1, max_size=6, unique=True),
    st.lists(TEXT, max_size=5).map(lambda segments: "/" + "/".join(segments)),
)
def test_router_agrees_with_a_naive_matcher(routes: list[str], path: str) -> None:
    ordered = sorted_routes(*routes)
    expected = [(route, naive_match(route, path)) for route in ordered]

    found = Router((route, route) for route in ordered).matches(path)

    assert found == [(route, params) for route, params in expected if params is not None]


@settings(max_examples=200, deadline=None)
@given(st.lists(patterns(), min_size=2, max_size=8, unique=True), st.randoms())
def test_route_key_is_a_total_order(routes: list[str], random: object) -> None:
    shuffled = list(routes)
    random.shuffle(shuffled)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    ordered = sorted_routes(*routes)

    assert sorted_routes(*shuffled) == ordered
    for first, second in pairwise(ordered):
        assert route_key(first, is_endpoint=False) < route_key(second, is_endpoint=False)


@settings(max_examples=200, deadline=None)
@given(patterns(), st.data())
def test_fill_pattern_makes_a_path_that_matches(pattern: str, data: st.DataObject) -> None:
    names = [p.text for segment in parse_pattern(pattern) for p in segment if p.is_param]
    params = {name: data.draw(TEXT) for name in names}

    assert [route for route, _ in matches(fill_pattern(pattern, params), pattern)] == [pattern]


@pytest.mark.parametrize(
    ("pattern", "params", "path"),
    [
        ("/", {}, "/"),
        ("/a/b", {"x": "unused"}, "/a/b"),
        ("/[x]/b", {"x": "a"}, "/a/b"),
        ("/a/[...x]", {"x": "b/c"}, "/a/b/c"),
        ("/a/[...x]", {"x": None}, "/a"),
        ("/a/[...x]", {}, "/a"),
        ("/[...x]", {}, "/"),
        ("/[...x]/b", {"x": None}, "/b"),
        ("/[x]-[y].json", {"x": "1", "y": "2"}, "/1-2.json"),
        ("/p?id=[x]#[y]", {"x": "1", "y": "2"}, "/p?id=1#2"),
    ],
)
def test_fill_pattern_puts_parameters_in(pattern: str, params: Params, path: str) -> None:
    assert fill_pattern(pattern, params) == path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/favicon.ico", True),
        ("/a/data.tar.gz", True),
        ("/v1.0", True),
        ("/[...slug].json", True),
        ("/[x].min_1", True),
        ("/", False),
        ("/a", False),
        ("/dot.in.directory/path", False),
        ("/a.", False),
        ("/.hidden", False),
        ("/a/.b", False),
        ("/[a].[b]", False),
        ("/a.b c", False),
        ("/a.b-c", False),
        ("/a.b/", False),
    ],
)
def test_has_extension_reads_the_last_segment(path: str, *, expected: bool) -> None:
    assert has_extension(path) is expected


def test_is_dynamic_looks_for_parameters() -> None:
    assert is_dynamic("/a/[x]")
    assert not is_dynamic("/a/x")


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("/a", []),
        ("/[b]/x-[a]/[...rest]", ["b", "a", "rest"]),
        ("https://example.com/?q=[1st]#[$]", ["1st", "$"]),
        ("/[a b]/[]", []),
    ],
)
def test_param_names_in_their_order(pattern: str, names: list[str]) -> None:
    assert param_names(pattern) == names
