"""URLs after the WHATWG standard in snake_case, and percent-encoding.

Own code because `urllib.parse` costs a tenth of a second of cold start in a Worker.
Pure: imports nothing of ours but `errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstlight.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# https://url.spec.whatwg.org/#path-percent-encode-set, what it leaves as it is; `%` is encoded
# because the paths encoded here are decoded ones.
PATH_SAFE = UNRESERVED | frozenset("!$&'()*+,;=:@/[]|")
URL_SAFE = UNRESERVED | frozenset("!$&'()*+,;=:@/[]|%?#")
# What JavaScript's encodeURIComponent leaves as it is.
COMPONENT_SAFE = UNRESERVED | frozenset("!'()*")
# That, segment by segment, is how Cloudflare spells an asset's URL.
ASSET_SAFE = COMPONENT_SAFE | frozenset("/")
HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
DEFAULT_PORTS = {"http:": "80", "https:": "443"}
# design.md 7: encoded this often or less, a path is decoded; deeper, it is refused.
MOST_DECODINGS = 10


def percent_encode(text: str, safe: frozenset[str] = UNRESERVED) -> str:
    """Encode the characters that are not in `safe` as UTF-8 percent-escapes."""
    if safe.issuperset(text):
        return text
    return "".join(c if c in safe else _escaped(c) for c in text)


def percent_decode(text: str) -> str:
    """Decode percent-escapes as UTF-8, once.

    Raises:
        ValueError: The decoded bytes are not UTF-8.
    """
    if "%" not in text:
        return text
    return _unescaped(text.encode("utf-8")).decode("utf-8")


def decode_component(text: str) -> str:
    """Decode a form or query component: `+` is a space, bad bytes become U+FFFD."""
    text = text.replace("+", " ")
    if "%" not in text:
        return text
    return _unescaped(text.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")


def has_only_escapes(text: str) -> bool:
    """Tell whether every `%` of a text begins an escape."""
    return all(_is_hex(part[:2]) for part in text.split("%")[1:])


def parse_query(query: str) -> list[tuple[str, str]]:
    """Parse `application/x-www-form-urlencoded` text into pairs, blank values kept.

    Source:
        https://url.spec.whatwg.org/#urlencoded-parsing
    """
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(decode_component(name), decode_component(value)) for name, _, value in pairs]


def is_plain_path(path: str) -> bool:
    """Tell whether a path stands for itself: nothing to decode, to resolve or to encode."""
    return PATH_SAFE.issuperset(path) and "//" not in path and "/." not in path


def normalize_path(path: str) -> str:
    r"""Return the one decoded path that matcher and middleware see.

    Escapes are decoded until none is left, `\` becomes `/`, runs of slashes count as one,
    and dot segments are resolved; a final slash stays.

    Raises:
        RequestError: Malformed, not UTF-8, holding a control character, or encoded more
            than ten times (status 400).
    """
    decoded = _decode_fully(path).replace("\\", "/")
    if "\x00" in decoded or "\r" in decoded or "\n" in decoded:
        raise RequestError("The path holds a control character.")
    if "//" not in decoded and "/." not in decoded:
        return decoded
    return _resolve_dots(decoded)


class SearchParams:
    """The parameters of a query string, in order."""

    __slots__ = ("_pairs",)

    def __init__(self, query: str) -> None:
        self._pairs = parse_query(query)

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the first value of a name, or the default."""
        return next((value for key, value in self._pairs if key == name), default)

    def get_all(self, name: str) -> list[str]:
        """List all values of a name."""
        return [value for key, value in self._pairs if key == name]

    def items(self) -> list[tuple[str, str]]:
        """List all pairs, repeated names included."""
        return list(self._pairs)

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self._pairs)

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._pairs))

    def __len__(self) -> int:
        return len(self._pairs)


class URL:
    """An absolute http(s) URL, read-only.

    Args:
        href: Such as `https://example.com:8080/a/b?q=1#part`; the path is kept as written.

    Source:
        https://url.spec.whatwg.org/#url-class
    """

    __slots__ = ("_authority", "_hash", "_pathname", "_scheme", "_search", "_search_params")

    def __init__(self, href: str) -> None:
        scheme, separator, rest = href.partition("://")
        if not separator or not scheme.isalpha():
            raise ValueError(f"`{href}` is no absolute URL.")
        rest, mark, fragment = rest.partition("#")
        rest, question, query = rest.partition("?")
        self._scheme = scheme
        self._authority, slash, path = rest.partition("/")
        self._pathname = slash + path or "/"
        self._search = question + query if query else ""
        self._hash = mark + fragment if fragment else ""
        self._search_params: SearchParams | None = None

    def with_path(self, pathname: str, search: str | None = None) -> URL:
        """Return the URL with another percent-encoded path, and query if given."""
        return URL(f"{self.origin}{pathname}{self.search if search is None else search}")

    # Read-only, because one URL may serve the requests of many visitors.
    @property
    def pathname(self) -> str:
        """The percent-encoded path, at least `/`."""
        return self._pathname

    @property
    def search(self) -> str:
        """The query, such as `?q=1`, or empty."""
        return self._search

    @property
    def hash(self) -> str:
        """The fragment, such as `#part`, or empty."""
        return self._hash

    @property
    def protocol(self) -> str:
        """The scheme with its colon, such as `https:`."""
        return f"{self._scheme.lower()}:"

    @property
    def host(self) -> str:
        """Host name, and port unless it is the protocol's own."""
        return _host(self._authority.rpartition("@")[2].lower(), self.protocol)

    @property
    def origin(self) -> str:
        """Protocol and host, such as `https://example.com`."""
        return f"{self.protocol}//{self.host}"

    @property
    def hostname(self) -> str:
        """The host without its port."""
        return self.host.rpartition(":")[0] if self.port else self.host

    @property
    def port(self) -> str:
        """The port, or an empty text for the protocol's own."""
        port = self.host.rpartition(":")[2]
        return port if port.isdigit() and port != self.host else ""

    @property
    def search_params(self) -> SearchParams:
        """The query's parameters, decoded."""
        if self._search_params is None:
            self._search_params = SearchParams(self.search[1:])
        return self._search_params

    @property
    def href(self) -> str:
        """The whole URL."""
        return f"{self.protocol}//{self.host}{self.pathname}{self.search}{self.hash}"

    def __str__(self) -> str:
        return self.href

    def __eq__(self, other: object) -> bool:
        return isinstance(other, URL) and self.href == other.href

    def __hash__(self) -> int:
        return hash(self.href)

    def __repr__(self) -> str:
        return f"URL({self.href!r})"


def _escaped(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))


def _unescaped(data: bytes) -> bytes:
    """Decode each %XX; an escape that is none stays as it is."""
    first, *rest = data.split(b"%")
    parts = [first]
    for part in rest:
        if _is_hex(part[:2].decode("latin-1")):
            parts += (bytes.fromhex(part[:2].decode()), part[2:])
        else:
            parts += (b"%", part)
    return b"".join(parts)


def _is_hex(pair: str) -> bool:
    return len(pair) == 2 and HEX_DIGITS.issuperset(pair)  # noqa: PLR2004 - two digits


def _decode_fully(path: str) -> str:
    """Decode until nothing changes; a malformed escape is an error only where it was sent."""
    if "%" not in path:
        return path
    if not has_only_escapes(path):
        raise RequestError("The path holds a malformed percent-escape.")
    for _ in range(MOST_DECODINGS + 1):
        try:
            decoded = percent_decode(path)
        except ValueError:
            raise RequestError("The path is not UTF-8.") from None
        if decoded == path:
            return path
        path = decoded
    raise RequestError(f"The path is percent-encoded more than {MOST_DECODINGS} times.")


def _resolve_dots(path: str) -> str:
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    is_folder = path.endswith(("/", "/.", "/.."))
    return f"/{'/'.join(segments)}{'/' if is_folder and segments else ''}"


def _host(host: str, protocol: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port in ("", DEFAULT_PORTS.get(protocol)) else host
