"""Route patterns, their priority, and the match of a path against all of them.

A pattern is written as the files are: `/blog/[slug]`, `/docs/[...path]`, `/a-[x]-b`.
Source of the rules: https://docs.astro.build/en/guides/routing/#route-priority-order
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeAlias, TypeVar

from firstlight.errors import RouteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

T = TypeVar("T")
# https://docs.astro.build/en/guides/routing/#dynamic-routes: a digit may come first.
NAME = r"[\w$]+"
PARAM = rf"\[(\.\.\.)?({NAME})\]"


class Part(NamedTuple):
    """A stretch of a segment: literal text, or a parameter's name."""

    text: str
    is_param: bool = False
    is_rest: bool = False


Segment: TypeAlias = "tuple[Part, ...]"
Params: TypeAlias = "tuple[tuple[str, str | None], ...]"


def parse_pattern(pattern: str) -> tuple[Segment, ...]:
    """Split a pattern into segments of parts.

    Raises:
        RouteError: Unbalanced brackets, a bad or repeated parameter name, two parameters
            with nothing between them, or more than one rest parameter.
    """
    segments = tuple(parse_segment(text) for text in pattern.split("/") if text)
    names = [part.text for segment in segments for part in segment if part.is_param]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise RouteError(
            f"Parameter `{min(repeated)}` stands more than once in `{pattern}`.",
            hint="Give each parameter a name of its own.",
        )
    if sum(part.is_rest for segment in segments for part in segment) > 1:
        raise RouteError(
            f"`{pattern}` has more than one rest parameter.",
            hint="Keep one, and take it apart in the page.",
        )
    return segments


def parse_segment(text: str) -> Segment:
    """Split one segment into parts; see `parse_pattern`."""
    parts: list[Part] = []
    for index, piece in enumerate(re.split(r"(\[[^\[\]]*\])", text)):
        if index % 2 == 0:  # the text between what stands in brackets
            if "[" in piece or "]" in piece:
                raise RouteError(
                    f"The brackets of `{text}` do not match.",
                    hint="Write a parameter as `[slug]` or `[...path]`.",
                )
            if piece:
                parts.append(Part(piece))
            continue
        if parts and parts[-1].is_param:
            raise RouteError(
                f"`{text}` has two parameters with nothing between them.",
                hint="Put some text between them, such as `[a]-[b]`.",
            )
        parts.append(_param(piece, text))
    return tuple(parts)


def route_key(pattern: str, *, is_endpoint: bool) -> tuple[object, ...]:
    """Return the key by which routes sort into priority order, first match first.

    Segment by segment: static before partly static before dynamic before rest; a longer
    route before a shorter one it continues, a rest parameter after it; then endpoints
    before pages.
    """
    keys = [_segment_key(segment) for segment in parse_pattern(pattern)]
    # The end marker stands after every continuation but a rest parameter.
    return ([*keys, (1, 1, 0.5, "")], not is_endpoint, pattern)


def is_dynamic(pattern: str) -> bool:
    """Tell whether a pattern has parameters."""
    return "[" in pattern


def has_extension(path: str) -> bool:
    """Tell whether the last segment of a path or pattern ends like a file name."""
    name, _, extension = path.rpartition("/")[2].rpartition(".")
    return bool(name) and extension.replace("_", "a").isalnum()


def fill_pattern(pattern: str, params: Mapping[str, str | None]) -> str:
    """Put parameters into a pattern; an absent rest parameter takes its segment along.

    The parameters stand as given: encode them before, if an URL is wanted.
    """
    segments = [
        "".join((params.get(p.text) or "") if p.is_param else p.text for p in segment)
        for segment in parse_pattern(pattern)
    ]
    return "/" + "/".join(segment for segment in segments if segment)


def param_names(pattern: str) -> list[str]:
    """List the parameters of a pattern, or of what a redirect leads to, in their order."""
    return [name for _, name in re.findall(PARAM, pattern)]


def fill_destination(destination: str, params: dict[str, str]) -> str:
    """Put encoded parameters into a redirect's destination, a path or an absolute URL."""
    if destination.startswith("/") and not destination.startswith("//") and "[" in destination:
        slash = "/" if destination.endswith("/") else ""
        return fill_pattern(destination, params).rstrip("/") + slash or "/"
    for name, value in params.items():
        destination = destination.replace(f"[...{name}]", value).replace(f"[{name}]", value)
    return destination


def ends_in_rest(pattern: str) -> bool:
    """Tell whether the last segment of a pattern is a rest parameter."""
    return pattern.rpartition("/")[2].startswith("[...") and pattern.endswith("]")


def with_query(location: str, search: str) -> str:
    """Hand a request's query on to a redirect's target, unless that has one of its own.

    Source:
        https://developers.cloudflare.com/workers/static-assets/redirects/
    """
    path, mark, fragment = location.partition("#")
    return location if "?" in path else f"{path}{search}{mark}{fragment}"


class Router(Generic[T]):
    """Finds the routes that match a path, in priority order.

    Args:
        routes: Pairs of pattern and whatever stands for the route, in priority order.
    """

    __slots__ = ("_root", "_static")

    def __init__(self, routes: Iterable[tuple[str, T]]) -> None:
        self._static: dict[str, list[tuple[int, T]]] = {}
        self._root: _Node[T] | None = None
        for rank, (pattern, route) in enumerate(routes):
            if is_dynamic(pattern):
                self._root = self._root or _Node()
                self._root.add(parse_pattern(pattern), rank, route)
            else:
                self._static.setdefault(pattern.rstrip("/") or "/", []).append((rank, route))

    def matches(self, path: str) -> list[tuple[T, dict[str, str | None]]]:
        """List every route that a path matches with its parameters, best first.

        Args:
            path: Decoded and normalised; a final slash makes no difference.

        Returns:
            Parameters are decoded text; an absent rest parameter is None.
        """
        path = path.rstrip("/") or "/"
        found = [(rank, route, _no_params) for rank, route in self._static.get(path, ())]
        if self._root is not None:
            segments = path[1:].split("/") if path != "/" else []
            found += self._root.search(segments, 0, _no_params)
        if len(found) > 1:
            found.sort(key=lambda match: match[0])
        return [(route, dict(params)) for _, route, params in found]


_no_params: Params = ()


class _Node(Generic[T]):
    """One segment's depth of the tree of dynamic routes."""

    __slots__ = ("dynamic", "leaves", "partial", "rest", "static")

    def __init__(self) -> None:
        self.static: dict[str, _Node[T]] = {}
        self.partial: _Affixes[_Node[T]] = _Affixes()
        self.dynamic: dict[str, _Node[T]] = {}
        # From a rest parameter on, the remaining path is matched by one expression.
        self.rest: _Affixes[tuple[int, T]] = _Affixes()
        self.leaves: list[tuple[int, T]] = []

    def add(self, segments: tuple[Segment, ...], rank: int, route: T) -> None:
        if not segments:
            self.leaves.append((rank, route))
            return
        first = segments[0]
        if any(part.is_rest for part in first):
            self.rest.add(segments, (rank, route))
        else:
            self._child(first).add(segments[1:], rank, route)

    def _child(self, segment: Segment) -> _Node[T]:
        if len(segment) == 1:
            (part,) = segment
            children = self.dynamic if part.is_param else self.static
            return children.setdefault(part.text, _Node())
        return self.partial.get(segment) or self.partial.add((segment,), _Node())

    def search(
        self, segments: list[str], depth: int, params: Params
    ) -> Iterator[tuple[int, T, Params]]:
        if not self.rest.is_empty:
            for matched, (rank, route) in self.rest.matches("/".join(segments[depth:])):
                yield rank, route, params + matched
        if depth == len(segments):
            for rank, route in self.leaves:
                yield rank, route, params
            return
        segment = segments[depth]
        if segment in self.static:
            yield from self.static[segment].search(segments, depth + 1, params)
        for matched, child in self.partial.matches(segment):
            yield from child.search(segments, depth + 1, params + matched)
        for name, child in self.dynamic.items():
            yield from child.search(segments, depth + 1, (*params, (name, segment)))


class _Affixes(Generic[T]):
    """Patterns found by the text they begin or end with, so that few of many are tried."""

    __slots__ = ("_by_prefix", "_by_suffix", "_nodes", "_others", "_prefixes", "_suffixes")

    def __init__(self) -> None:
        self._by_prefix: dict[str, list[tuple[_Pattern, T]]] = {}
        self._by_suffix: dict[str, list[tuple[_Pattern, T]]] = {}
        self._others: list[tuple[_Pattern, T]] = []
        self._nodes: dict[Segment, T] = {}
        self._prefixes: list[int] = []  # the lengths there are
        self._suffixes: list[int] = []

    @property
    def is_empty(self) -> bool:
        return not self._nodes

    def get(self, segment: Segment) -> T | None:
        """Return what was added for a single segment."""
        return self._nodes.get(segment)

    def add(self, segments: tuple[Segment, ...], value: T) -> T:
        entry = (_Pattern(segments), value)
        first, last = segments[0][0], segments[-1][-1]
        if not first.is_param:
            self._by_prefix.setdefault(first.text, []).append(entry)
            self._prefixes = sorted({*self._prefixes, len(first.text)})
        elif not last.is_param:
            self._by_suffix.setdefault(last.text, []).append(entry)
            self._suffixes = sorted({*self._suffixes, len(last.text)})
        else:
            self._others.append(entry)
        self._nodes[segments[0]] = value
        return value

    def matches(self, path: str) -> Iterator[tuple[Params, T]]:
        """Yield the parameters and value of each pattern that matches."""
        for pattern, value in self._candidates(path):
            if (matched := pattern.match(path)) is not None:
                yield matched, value

    def _candidates(self, path: str) -> Iterator[tuple[_Pattern, T]]:
        size = len(path)  # a slice longer than the path would find the shorter text again
        for length in self._prefixes:
            if length <= size:
                yield from self._by_prefix.get(path[:length], ())
        for length in self._suffixes:
            if length <= size:
                yield from self._by_suffix.get(path[-length:], ())
        yield from self._others


class _Pattern:
    """Segments as a regular expression that is compiled when it is first needed."""

    __slots__ = ("_expression", "_names", "_segments")

    def __init__(self, segments: tuple[Segment, ...]) -> None:
        self._segments = segments
        self._names = [part.text for segment in segments for part in segment if part.is_param]
        self._expression: re.Pattern[str] | None = None

    def match(self, path: str) -> Params | None:
        if self._expression is None:
            self._expression = re.compile("".join(map(_expression, self._segments)), re.DOTALL)
        found = self._expression.fullmatch("/" + path if path else "")
        if found is None:
            return None
        return tuple(zip(self._names, (value or None for value in found.groups()), strict=True))


def _expression(segment: Segment) -> str:
    if len(segment) == 1 and segment[0].is_rest:
        return "(?:/(.*?))?"
    return "/" + "".join(map(_part_expression, segment))


def _part_expression(part: Part) -> str:
    if not part.is_param:
        return re.escape(part.text)
    return "(.*?)" if part.is_rest else "([^/]+?)"


def _param(piece: str, segment: str) -> Part:
    is_rest = piece.startswith("[...")
    name = piece[4 if is_rest else 1 : -1]
    if not re.fullmatch(NAME, name):
        raise RouteError(
            f"`{name}` in `{segment}` cannot name a parameter.",
            hint="Use letters, digits and underscores, such as `[slug]` or `[...path]`.",
        )
    return Part(name, is_param=True, is_rest=is_rest)


def _segment_key(segment: Segment) -> tuple[int, int, float, str]:
    if not any(part.is_param for part in segment):
        return (0, 0, 0.0, "".join(part.text for part in segment))
    is_whole = all(part.is_param for part in segment)
    return (1, int(is_whole), float(any(part.is_rest for part in segment)), "")
