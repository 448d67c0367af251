"""Cookies of one request: what came in, and the Set-Cookie headers that go out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from firstlight.errors import CookieError
from firstlight.headers import has_control_character, is_token
from firstlight.url import (
    COMPONENT_SAFE,
    UNRESERVED,
    has_only_escapes,
    percent_decode,
    percent_encode,
)

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any, Literal

# RFC 6265 §4.1.1 cookie-octet: a value of these alone goes out as it is. `%` is left out,
# because a reader would take it for an escape.
COOKIE_OCTETS = UNRESERVED | frozenset("!#$&'()*+/:<=>?@[]^`{|}")
LONGEST = 4096  # bytes that browsers keep
NUMBER = frozenset("0123456789+-.eE")
SAME_SITE = {"strict": "Strict", "lax": "Lax", "none": "None"}
EPOCH = "Thu, 01 Jan 1970 00:00:00 GMT"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Cookie:
    """A cookie's value, and readings of it."""

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value

    def json(self) -> Any:
        """Parse the value as JSON; raises ValueError when it is none."""
        if self.value.count("[") + self.value.count("{") > LONGEST:
            # No browser's; nested some thousands deep, it ends a Pyodide in Node.
            raise ValueError(f"A cookie of more than {LONGEST} bytes is not read as JSON.")
        return json.loads(self.value)

    def number(self) -> float:
        """Return the value as a number: 0 when empty, NaN when it is none."""
        text = self.value.strip()
        if not NUMBER.issuperset(text):  # Python alone reads `1_000`, `nan` and `inf`
            return float("nan")
        try:
            return float(text or 0)
        except ValueError:
            return float("nan")

    def boolean(self) -> bool:
        """Return False for an empty value, `false` and `0`, else True."""
        return self.value not in ("", "false", "0")

    def __str__(self) -> str:
        return self.value

    def __repr__(self) -> str:
        return f"Cookie({self.value!r})"


class Cookies:
    """The cookies of a request and of its response.

    Args:
        header: The request's Cookie header; None for none.

    Attributes:
        is_sealed: Whether the response's headers were sent, so that none can be added.

    Source:
        https://docs.astro.build/en/reference/api-reference/#cookies
        https://www.rfc-editor.org/rfc/rfc6265
    """

    __slots__ = ("_header", "_incoming", "_outgoing", "is_sealed")

    def __init__(self, header: str | None = None) -> None:
        self._header = header
        self.is_sealed = False
        self._incoming: dict[str, str] | None = None
        # Name to (value, Set-Cookie line); a deleted cookie has no value.
        self._outgoing: dict[str, tuple[str | None, str]] = {}

    def get(self, name: str) -> Cookie | None:
        """Return a cookie, one set here before one that came in; None when there is none."""
        if name in self._outgoing:
            value = self._outgoing[name][0]
            return None if value is None else Cookie(value)
        raw = self._received().get(name)
        return None if raw is None else Cookie(_decoded(raw))

    def has(self, name: str) -> bool:
        """Tell whether `get` would find a cookie."""
        return self.get(name) is not None

    def set(  # noqa: PLR0913 - a cookie has this many attributes
        self,
        name: str,
        value: str | float | bool | dict[str, Any] | list[Any],  # noqa: FBT001 - a value
        *,
        path: str = "/",
        max_age: int | None = None,
        expires: datetime | None = None,
        domain: str | None = None,
        http_only: bool = False,
        secure: bool = False,
        same_site: Literal["strict", "lax", "none", True] | None = None,
        partitioned: bool = False,
    ) -> None:
        """Queue a Set-Cookie header for the response; the last one of a name wins.

        Args:
            name: An RFC 6265 token: no spaces, `=`, `;` or control characters.
            value: Sent percent-encoded where needed; a number or bool as text, a dict or
                list as JSON.
            path: The path it belongs to.
            max_age: Lifetime in seconds. None makes a session cookie; 0 deletes it.
            expires: When it ends, an aware datetime; None leaves it out.
            domain: None binds it to the host that sent it.
            http_only: Hide it from scripts.
            secure: Send it over https only.
            same_site: When other sites' requests carry it; True is `strict`, None leaves it
                to the browser.
            partitioned: Keep it apart by top-level site (CHIPS).

        Raises:
            CookieError: A name, value, path, domain or age that no browser would accept, or the
                response was sent before.
        """
        self._check_open(name)
        _check_name(name)
        text = _as_text(name, value)
        attributes = [
            f"Max-Age={_checked_age(name, max_age)}" if max_age is not None else "",
            f"Domain={_checked(name, 'domain', domain)}" if domain else "",
            f"Path={_checked(name, 'path', path)}" if path else "",
            f"Expires={_http_date(name, expires)}" if expires is not None else "",
            "HttpOnly" if http_only else "",
            "Secure" if secure else "",
            "Partitioned" if partitioned else "",
            f"SameSite={_checked_same_site(name, same_site)}" if same_site else "",
        ]
        line = "; ".join([f"{name}={_encoded(text)}", *filter(None, attributes)])
        self._outgoing[name] = (text, line)

    def delete(self, name: str, *, path: str = "/", domain: str | None = None) -> None:
        """Queue a Set-Cookie header that removes a cookie.

        Args:
            name: Its name.
            path: The path it was set with.
            domain: The domain it was set with.

        Raises:
            CookieError: As for `set`.
        """
        self._check_open(name)
        _check_name(name)
        parts = [f"{name}=deleted"]
        if domain:
            parts.append(f"Domain={_checked(name, 'domain', domain)}")
        if path:
            parts.append(f"Path={_checked(name, 'path', path)}")
        self._outgoing[name] = (None, "; ".join([*parts, f"Expires={EPOCH}"]))

    def headers(self) -> list[str]:
        """List the values of the Set-Cookie headers, in the order the names were first set."""
        return [line for _, line in self._outgoing.values()]

    def _check_open(self, name: str) -> None:
        if self.is_sealed:
            raise CookieError(
                f"Cookie `{name}` comes too late: the response's headers were sent.",
                hint="Set it before the response goes out, in a page with `stream = True` in the "
                "frontmatter.",
            )

    def _received(self) -> dict[str, str]:
        if self._incoming is None:
            self._incoming = _parse(self._header or "")
        return self._incoming


def _parse(header: str) -> dict[str, str]:
    """Parse a Cookie header; the first of a repeated name counts."""
    cookies: dict[str, str] = {}
    for part in header.split(";"):
        name, separator, value = part.partition("=")
        value = value.strip()
        if separator:
            if len(value) > 1 and value[0] == value[-1] == '"':
                value = value[1:-1]
            cookies.setdefault(name.strip(), value)
    return cookies


def _decoded(raw: str) -> str:
    """Decode a value; one that another program wrote with no escapes in mind stays as it is."""
    try:
        return percent_decode(raw) if has_only_escapes(raw) else raw
    except ValueError:
        return raw


def _encoded(text: str) -> str:
    return text if COOKIE_OCTETS.issuperset(text) else percent_encode(text, COMPONENT_SAFE)


def _as_text(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, dict, list)):
        return _json(name, value)  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, (int, float)):
        return str(value)
    raise CookieError(
        f"Cookie `{name}` cannot hold {type(value).__name__}.",
        hint="Give str, a number, bool, dict or list.",
    )


def _json(name: str, value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CookieError(
            f"Cookie `{name}` cannot hold this as JSON: {error}.",
            hint="Keep text, numbers, bools, lists and dicts in it.",
        ) from error


def _check_name(name: str) -> None:
    if not is_token(name):
        raise CookieError(
            f"`{name!r}` cannot be a cookie name: it is not a token (RFC 6265).",
            hint="Use letters, digits, `-` and `_`.",
        )


def _checked(name: str, attribute: str, value: str) -> str:
    if has_control_character(value) or ";" in value or any(char > "\x7e" for char in value):
        raise CookieError(
            f"Cookie `{name}` cannot have the {attribute} `{value!r}`.",
            hint="Leave out `;`, control characters and what is not ASCII.",
        )
    return value


def _checked_age(name: str, max_age: object) -> int:
    if isinstance(max_age, int) and not isinstance(max_age, bool):
        return max_age
    raise CookieError(
        f"Cookie `{name}`: `max_age` is a whole number of seconds, not `{max_age!r}`.",
        hint="Write `max_age=86400` for a day.",
    )


def _checked_same_site(name: str, same_site: object) -> str:
    policy = "strict" if same_site is True else str(same_site).lower()
    if policy in SAME_SITE:
        return SAME_SITE[policy]
    raise CookieError(
        f"Cookie `{name}`: `same_site` cannot be `{same_site!r}`.",
        hint="Use one of `strict`, `lax`, `none`.",
    )


def _http_date(name: str, moment: datetime) -> str:
    """Format an aware datetime after RFC 9110 §5.6.7."""
    offset = moment.utcoffset() if hasattr(moment, "utcoffset") else None
    if offset is None:
        raise CookieError(
            f"Cookie `{name}`: `expires` is no aware datetime, but `{moment!r}`.",
            hint="Use an aware datetime, such as `datetime.now(UTC) + timedelta(days=1)`.",
        )
    utc = moment.replace(tzinfo=None) - offset
    return (
        f"{_DAYS[utc.weekday()]}, {utc.day:02} {_MONTHS[utc.month - 1]} {utc.year:04} "
        f"{utc.hour:02}:{utc.minute:02}:{utc.second:02} GMT"
    )
