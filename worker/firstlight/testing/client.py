"""A browser of sorts for tests: sends forms and files, keeps cookies."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from email.message import Message
from http.cookiejar import CookieJar, DefaultCookiePolicy
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any, TypedDict, Unpack
from urllib.parse import unquote, urlencode, urljoin, urlsplit
from urllib.request import Request as CookieRequest
from uuid import uuid4

from firstlight.headers import Headers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    File: TypeAlias = tuple[str, bytes] | tuple[str, bytes, str]
    Sent: TypeAlias = tuple[int, list[tuple[str, str]], bytes]

REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 10
SAFE = ("GET", "HEAD")
__tracebackhide__ = True  # by pytest: the test's error is not here
FORM = "application/x-www-form-urlencoded"


class Options(TypedDict, total=False):
    """What goes along with a request; at most one of `form`, `json` and `body`.

    Attributes:
        form: Fields of a form; a list of values repeats its field.
        files: Name of the file, its bytes and its content type, by field.
        json: Any JSON value.
        body: Sent as it is; name its content type in `headers`.
        follow: Whether to go where a redirect within the site leads.
    """

    headers: Mapping[str, str]
    form: Mapping[str, str | Sequence[str]]
    files: Mapping[str, File]
    json: object
    body: bytes | str
    follow: bool


class Answer:
    """What came back.

    Attributes:
        url: Absolute; of the last request, when redirects were followed.
        body: The bytes as they came.
    """

    def __init__(self, method: str, url: str, status: int, headers: Headers, body: bytes) -> None:
        self.method = method
        self.url = url
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        """The body as UTF-8, bad bytes as U+FFFD."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Read the body as JSON; raises ValueError when it is none."""
        return json.loads(self.body)

    def __repr__(self) -> str:
        location = self.headers.get("location")
        arrow = f" → {location}" if location else ""
        return f"<Answer {self.status} {self.method} {self.url}{arrow}>"


class Client(ABC):
    """Sends requests as a browser that visits the site would.

    Cookies are kept between requests, and an `Origin` header goes along with what changes
    something. Paths are percent-encoded and begin with a slash.

    Attributes:
        origin: Such as `http://localhost`.
    """

    def __init__(self, origin: str) -> None:
        self.origin = origin
        # The host is the developer's own: browsers send `Secure` cookies there, too.
        self._jar = CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that are kept, decoded, by name."""
        return {cookie.name: unquote(cookie.value or "") for cookie in self._jar}

    def set_cookie(self, name: str, value: str) -> None:
        """Keep a cookie for all paths, as if the site had set it."""
        cookie = SimpleCookie({name: value})
        cookie[name]["path"] = "/"
        self._keep_cookies(self.origin + "/", [cookie[name].OutputString()])

    def clear_cookies(self) -> None:
        """Forget every cookie."""
        self._jar.clear()

    async def get(self, path: str, **options: Unpack[Options]) -> Answer:
        """Send a GET request."""
        return await self.request("GET", path, **options)

    async def head(self, path: str, **options: Unpack[Options]) -> Answer:
        """Send a HEAD request."""
        return await self.request("HEAD", path, **options)

    async def post(self, path: str, **options: Unpack[Options]) -> Answer:
        """Send a POST request."""
        return await self.request("POST", path, **options)

    async def put(self, path: str, **options: Unpack[Options]) -> Answer:
        """Send a PUT request."""
        return await self.request("PUT", path, **options)

    async def patch(self, path: str, **options: Unpack[Options]) -> Answer:
        """Send a PATCH request."""
        return await self.request("PATCH", path, **options)

    async def delete(self, path: str, **options: Unpack[Options]) -> Answer:
        """Send a DELETE request."""
        return await self.request("DELETE", path, **options)

    async def request(self, method: str, path: str, **options: Unpack[Options]) -> Answer:
        """Send a request, and follow redirects if asked to.

        Source:
            https://fetch.spec.whatwg.org/#http-redirect-fetch
        """
        headers, body = _encoded(options)
        url = urljoin(f"{self.origin}/", path)
        answer = await self._request(method, url, headers, body)
        for _ in range(MOST_REDIRECTS if options.get("follow") else 0):
            target = self._target(answer)
            if target is None:
                break
            if answer.status not in (307, 308) and method not in SAFE:
                method, body = "GET", b""
                del headers["content-type"]
            answer = await self._request(method, target, headers, body)
        return answer

    @abstractmethod
    async def send(
        self, method: str, url: str, headers: list[tuple[str, str]], body: bytes
    ) -> Sent:
        """Send one request; returns status, headers and body."""

    async def _request(self, method: str, url: str, headers: Headers, body: bytes) -> Answer:
        fields = Headers(headers)
        if method not in SAFE:
            fields.set_default("origin", self.origin)
        if cookie := self._cookie_header(url):
            fields.set_default("cookie", cookie)
        status, answered, content = await self.send(method, url, fields.items(), body)
        answer = Answer(method, url, status, Headers(answered), content)
        self._keep_cookies(url, answer.headers.get_all("set-cookie"))
        return answer

    def _target(self, answer: Answer) -> str | None:
        """Return where a redirect leads; None for what is none, or leaves the site."""
        location = answer.headers.get("location")
        if answer.status not in REDIRECTS or location is None:
            return None
        target = urljoin(answer.url, location)
        parts = urlsplit(target)
        return target if f"{parts.scheme}://{parts.netloc}" == self.origin else None

    def _cookie_header(self, url: str) -> str | None:
        request = CookieRequest(url)  # noqa: S310 - nothing is opened
        self._jar.add_cookie_header(request)
        return request.get_header("Cookie")

    def _keep_cookies(self, url: str, values: list[str]) -> None:
        message = Message()
        for value in values:
            message["Set-Cookie"] = value
        self._jar.extract_cookies(_Told(message), CookieRequest(url))  # pyright: ignore[reportArgumentType]  # noqa: S310 - of a response it reads `info()` alone


class _Told:
    """As much of a response as a cookie jar asks for."""

    def __init__(self, message: Message) -> None:
        self._message = message

    def info(self) -> Message:
        return self._message


def _encoded(options: Options) -> tuple[Headers, bytes]:
    """Return the headers and the body of a request."""
    headers = Headers(options.get("headers"))
    form, files = options.get("form"), options.get("files")
    if files is not None:
        boundary = uuid4().hex
        headers.set_default("content-type", f"multipart/form-data; boundary={boundary}")
        return headers, _multipart(form or {}, files, boundary)
    if form is not None:
        headers.set_default("content-type", FORM)
        return headers, urlencode(form, doseq=True).encode()
    if "json" in options:
        headers.set_default("content-type", "application/json")
        return headers, json.dumps(options["json"]).encode()
    body = options.get("body", b"")
    return headers, body.encode() if isinstance(body, str) else body


def _multipart(
    form: Mapping[str, str | Sequence[str]], files: Mapping[str, File], boundary: str
) -> bytes:
    """Encode a form with files.

    Source:
        https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
    """
    parts: list[bytes] = []
    for name, values in form.items():
        for value in [values] if isinstance(values, str) else values:
            parts.append(_part(boundary, f'name="{_quoted(name)}"', value.encode()))
    for name, (filename, content, *kind) in files.items():
        disposition = f'name="{_quoted(name)}"; filename="{_quoted(filename)}"'
        content_type = kind[0] if kind else "application/octet-stream"
        parts.append(_part(boundary, disposition, content, content_type))
    return b"".join(parts) + f"--{boundary}--\r\n".encode()


def _part(boundary: str, disposition: str, content: bytes, kind: str | None = None) -> bytes:
    head = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n"
    head += f"Content-Type: {kind}\r\n" if kind else ""
    return f"{head}\r\n".encode() + content + b"\r\n"


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
