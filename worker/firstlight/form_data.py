"""Form bodies as fields and files: urlencoded and multipart.

Pure: works on bytes that were read and bounded before.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from firstlight.errors import RequestError
from firstlight.url import parse_query

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_PARTS = 1000


class UploadedFile:
    """A file of a multipart form.

    Attributes:
        filename: As the browser sent it; never use it as a path.
        content_type: As sent; `application/octet-stream` when absent.
    """

    __slots__ = ("_data", "content_type", "filename")

    def __init__(self, filename: str, content_type: str, data: bytes) -> None:
        self.filename = filename
        self.content_type = content_type
        self._data = data

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self._data)

    def bytes(self) -> bytes:
        """Return the content."""
        return self._data

    def text(self) -> str:
        """Return the content decoded as UTF-8, bad bytes as U+FFFD."""
        return self._data.decode("utf-8", "replace")


class FormData:
    """The fields of a form, in order; a name may have several values.

    Source:
        https://xhr.spec.whatwg.org/#interface-formdata
    """

    __slots__ = ("_pairs",)

    def __init__(self, pairs: list[tuple[str, str | UploadedFile]]) -> None:
        self._pairs = pairs

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the first text value of a name, or the default."""
        return next((v for key, v in self._pairs if key == name and isinstance(v, str)), default)

    def get_all(self, name: str) -> list[str | UploadedFile]:
        """List all values of a name, files included."""
        return [value for key, value in self._pairs if key == name]

    def file(self, name: str) -> UploadedFile | None:
        """Return the first file of a name, or None; an empty file input is None."""
        files = (value for value in self.get_all(name) if isinstance(value, UploadedFile))
        return next((file for file in files if file.filename or file.size), None)

    def items(self) -> list[tuple[str, str | UploadedFile]]:
        """List all pairs, repeated names included."""
        return list(self._pairs)

    def __getitem__(self, name: str) -> str | UploadedFile:
        for key, value in self._pairs:
            if key == name:
                return value
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self._pairs)

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._pairs))

    def __len__(self) -> int:
        return len(self._pairs)


def parse_form(content_type: str, body: bytes) -> FormData:
    """Parse a form body by its content type.

    Raises:
        RequestError: Not a form type (415), or a malformed multipart body (400).
    """
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return FormData([*parse_query(body.decode("utf-8", "replace"))])
    if kind == "multipart/form-data":
        boundary = _parameters(parameters).get("boundary")
        if boundary:
            return FormData(_parse_multipart(boundary.encode("latin-1", "replace"), body))
        if not body:
            return FormData([])
        raise RequestError("The multipart body's content type names no boundary.")
    if not body and not kind:
        return FormData([])
    raise RequestError(f"A form was expected, not `{kind or 'no content type'}`.", status=415)


def _parse_multipart(boundary: bytes, body: bytes) -> list[tuple[str, str | UploadedFile]]:
    """Split a body at its boundary lines.

    Source:
        https://www.rfc-editor.org/rfc/rfc7578, https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1
    """
    # A line that only begins like the boundary is content.
    line = re.compile(rb"\r\n--" + re.escape(boundary) + rb"(?=--|[ \t]*\r\n)")
    _, *parts = line.split(b"\r\n" + body)  # the first is the preamble
    end = next((index for index, part in enumerate(parts) if part.startswith(b"--")), None)
    if end is None:
        raise RequestError("The multipart body is incomplete." if body else "The body is empty.")
    if end > MOST_PARTS:
        raise RequestError(f"The form has more than {MOST_PARTS} fields.", status=413)
    return [_parse_part(part) for part in parts[:end]]


def _parse_part(part: bytes) -> tuple[str, str | UploadedFile]:
    head, separator, content = part.partition(b"\r\n\r\n")
    if not separator:
        raise RequestError("A part of the multipart body has no headers.")
    headers: dict[str, str] = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    disposition = _parameters(headers.get("content-disposition", "").partition(";")[2])
    name = disposition.get("name")
    if name is None:
        raise RequestError("A part of the multipart body has no name.")
    if "filename" not in disposition:
        return name, content.decode("utf-8", "replace")
    content_type = headers.get("content-type", "application/octet-stream")
    return name, UploadedFile(disposition["filename"], content_type, content)


def _parameters(text: str) -> dict[str, str]:
    """Parse `; name="value"` pairs; browsers escape a quote as %22 and line ends as %0D, %0A."""
    parameters: dict[str, str] = {}
    for part in _split_unquoted(text):
        name, separator, value = part.strip().partition("=")
        if separator:
            value = value.strip()
            if len(value) > 1 and value[0] == value[-1] == '"':
                value = value[1:-1].replace('\\"', '"').replace("%22", '"')
                value = value.replace("%0D", "\r").replace("%0A", "\n")
            parameters.setdefault(name.strip().lower(), value)
    return parameters


def _split_unquoted(text: str) -> Iterator[str]:
    """Split at the semicolons outside double quotes."""
    start, quoted = 0, False
    for index, char in enumerate(text):
        if char == '"' and text[index - 1 : index] != "\\":
            quoted = not quoted
        elif char == ";" and not quoted:
            yield text[start:index]
            start = index + 1
    yield text[start:]
