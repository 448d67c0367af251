"""HTTP header fields: several values a name, letter case ignored.

Pure: imports nothing of ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# RFC 9110 §5.6.2: the characters of a token.
TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class Headers:
    """A mutable multi-mapping of header names to values, after the Fetch standard.

    Reading a name with several values joins them with a comma and a space; only
    `set-cookie` must be read with `get_all`.

    Args:
        init: Another `Headers`, a mapping, or pairs of name and value.

    Raises:
        ValueError: A name is not a token, or a value holds a control character or
            one outside Latin-1.

    Source:
        https://fetch.spec.whatwg.org/#headers-class
    """

    __slots__ = ("_fields",)

    def __init__(
        self,
        init: Headers | Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    ) -> None:
        # A tuple: copies share it, and an adapter can look it up.
        self._fields: tuple[tuple[str, str], ...] = ()
        if isinstance(init, Headers):
            self._fields = init._fields
        elif init is not None:
            for name, value in init.items() if hasattr(init, "items") else init:  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType, reportAttributeAccessIssue]
                self.append(name, value)  # pyright: ignore[reportUnknownArgumentType]

    @classmethod
    def of_trusted(cls, fields: Iterable[tuple[str, str]]) -> Headers:
        """Wrap pairs that a server has parsed; names must be in lower case."""
        headers = cls.__new__(cls)
        headers._fields = tuple(fields)
        return headers

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the value, several joined by `, `, or the default."""
        values = self.get_all(name)
        return ", ".join(values) if values else default

    def get_all(self, name: str) -> list[str]:
        """List the values of a name in the order they were added."""
        name = name.lower()
        return [value for key, value in self._fields if key == name]

    def append(self, name: str, value: str) -> None:
        """Add a value and keep those that are there."""
        self._fields += ((_checked_name(name), _checked_value(name, value)),)

    def set_default(self, name: str, value: str) -> None:
        """Set a value unless the name has one."""
        if name not in self:
            self.append(name, value)

    def set_default_type(self, content_type: str) -> None:
        """Set a content type that needs no check unless there is one."""
        if "content-type" not in self:
            self._fields += (("content-type", content_type),)

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """Every name (in lower case) with its value, as `items` lists them."""
        return self._fields

    def items(self) -> list[tuple[str, str]]:
        """List every name (in lower case) with its value, repeated names included."""
        return list(self._fields)

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: str) -> None:
        field = (_checked_name(name), _checked_value(name, value))
        self._remove(field[0])
        self._fields += (field,)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self._remove(name.lower())

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        name = name.lower()
        for key, _ in self._fields:  # noqa: SIM110 - a generator costs more than the loop
            if key == name:
                return True
        return False

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._fields))

    def __len__(self) -> int:
        return len(dict(self._fields))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._fields == other._fields

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        return f"Headers({self.items()!r})"

    def _remove(self, name: str) -> None:
        self._fields = tuple([field for field in self._fields if field[0] != name])


def is_token(text: str) -> bool:
    """Tell whether a text is an RFC 9110 token."""
    return bool(text) and TOKEN.issuperset(text)


def has_control_character(text: str) -> bool:
    """Tell whether a text holds a control character other than a tab."""
    return any((char < " " and char != "\t") or char == "\x7f" for char in text)


def _checked_name(name: str) -> str:
    if not is_token(name):
        raise ValueError(f"{name!r} cannot be a header name: it is not a token (RFC 9110).")
    return name.lower()


def _checked_value(name: str, value: str) -> str:
    if value.isascii() and value.isprintable():  # as nearly every value is
        return value.strip(" ")
    if has_control_character(value):
        raise ValueError(f"The value of header `{name}` holds a control character: {value!r}.")
    if any(char > "\xff" for char in value):
        raise ValueError(
            f"The value of header `{name}` holds characters outside Latin-1: {value!r}. "
            "Percent-encode them."
        )
    return value.strip(" \t")
