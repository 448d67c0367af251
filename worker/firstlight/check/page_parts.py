"""From a page's HTML to the parts that are checked: links, ids, images, title, language."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import NamedTuple

# https://html.spec.whatwg.org/multipage/indices.html#attributes-3: attributes that are URLs.
URL_ATTRIBUTES = {
    "a": ("href",),
    "area": ("href",),
    "audio": ("src",),
    "button": ("formaction",),
    "embed": ("src",),
    "form": ("action",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src",),
    "input": ("src", "formaction"),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src",),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
SRCSETS = {"img": "srcset", "source": "srcset", "link": "imagesrcset"}
CANDIDATE = re.compile(r"[\s,]*(\S*[^\s,])(?:\s[^,]*)?(?:,|$)")
REFRESH = re.compile(r"^\s*[\d.]+\s*[;,]\s*(?:url\s*=\s*)?[\"']?([^\"']*)", re.IGNORECASE)
# Links whose target nobody fetches.
HINTS = {"preconnect", "dns-prefetch"}


class Link(NamedTuple):
    """A URL in an attribute.

    Attributes:
        value: As the browser sees it, entities decoded.
        line: 1-based line of the attribute.
        method: `GET` or `POST`.
        tag: The element's name.
        attribute: The attribute's.
    """

    value: str
    line: int
    method: str
    tag: str
    attribute: str


class Place(NamedTuple):
    """An element: what it is known by, and its 1-based line."""

    text: str
    line: int


@dataclass(slots=True)
class PageParts:
    """What is checked of a page.

    Attributes:
        ids: In order, repeated ones too.
        anchors: What a fragment can name: ids, and names of `<a>`.
        images: The sources of images without `alt`; empty text for one without a source.
        title: None when there is no `<title>`.
        lang: Of `<html>`; None when there is none.
        html_line: Of `<html>`; None when the tag is left out.
        head_line: Of `<head>`.
        base: Of `<base href>`.
    """

    links: list[Link] = field(default_factory=list[Link])
    ids: list[Place] = field(default_factory=list[Place])
    anchors: set[str] = field(default_factory=set[str])
    images: list[Place] = field(default_factory=list[Place])
    title: str | None = None
    title_line: int | None = None
    lang: str | None = None
    html_line: int | None = None
    head_line: int | None = None
    has_viewport: bool = False
    is_redirect: bool = False
    base: str | None = None


def page_parts(html: str) -> PageParts:
    """Read a page."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.parts


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts = PageParts()
        self._form_method = "GET"
        self._svg_depth = 0
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in reversed(attrs)}  # the first one counts
        line = self.getpos()[0]
        if tag == "svg":
            self._svg_depth += 1
        if "id" in attributes:
            self.parts.ids.append(Place(attributes["id"], self._line_of(attributes["id"])))
            self.parts.anchors.add(attributes["id"])
        self._read_links(tag, attributes)
        self._read_image(tag, attributes, line)
        reader = getattr(self, f"_read_{tag}", None)
        if reader is not None:
            reader(attributes, line)

    def handle_endtag(self, tag: str) -> None:
        if tag == "svg":
            self._svg_depth -= 1
        self._in_title = self._in_title and tag != "title"

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.parts.title = (self.parts.title or "") + data

    def _read_html(self, attributes: dict[str, str], line: int) -> None:
        self.parts.html_line = line
        self.parts.lang = attributes.get("lang", attributes.get("xml:lang"))

    def _read_head(self, _: dict[str, str], line: int) -> None:
        self.parts.head_line = line

    def _read_title(self, _: dict[str, str], line: int) -> None:
        if not self._svg_depth and self.parts.title is None:
            self._in_title, self.parts.title, self.parts.title_line = True, "", line

    def _read_base(self, attributes: dict[str, str], _: int) -> None:
        self.parts.base = attributes.get("href", self.parts.base)

    def _read_meta(self, attributes: dict[str, str], _: int) -> None:
        if attributes.get("name", "").lower() == "viewport":
            self.parts.has_viewport = True
        found = REFRESH.match(attributes.get("content", ""))
        if attributes.get("http-equiv", "").lower() == "refresh" and found:
            self.parts.is_redirect = True
            self._add_link(found[1].strip(), "GET", "meta", "content")

    def _read_a(self, attributes: dict[str, str], _: int) -> None:
        if name := attributes.get("name"):
            self.parts.anchors.add(name)

    def _read_image(self, tag: str, attributes: dict[str, str], line: int) -> None:
        is_image = tag == "img" or (tag == "input" and attributes.get("type", "") == "image")
        is_hidden = attributes.get("aria-hidden") == "true" or attributes.get("role") in (
            "none",
            "presentation",
        )
        if is_image and "alt" not in attributes and not is_hidden:
            self.parts.images.append(Place(attributes.get("src", ""), line))

    def _read_links(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "form":
            self._form_method = attributes.get("method", "get").upper()
        if HINTS & set(attributes.get("rel", "").lower().split()) and tag == "link":
            return
        for attribute in URL_ATTRIBUTES.get(tag, ()):
            if attribute in attributes:
                method = self._method(tag, attribute, attributes)
                self._add_link(attributes[attribute].strip(), method, tag, attribute)
        if tag == "form" and "action" not in attributes:
            self._add_link("", self._form_method, tag, "action")
        srcset = SRCSETS.get(tag, "")
        for candidate in CANDIDATE.findall(attributes.get(srcset, "")):
            self._add_link(candidate, "GET", tag, srcset)

    def _method(self, tag: str, attribute: str, attributes: dict[str, str]) -> str:
        if tag == "form":
            return self._form_method
        if attribute == "formaction":
            return attributes.get("formmethod", self._form_method).upper()
        return "GET"

    def _add_link(self, value: str, method: str, tag: str, attribute: str) -> None:
        if method in ("GET", "POST"):
            self.parts.links.append(Link(value, self._line_of(value), method, tag, attribute))

    def _line_of(self, value: str) -> int:
        """Return the line of a value in the tag that is being read."""
        text = self.get_starttag_text() or ""
        return self.getpos()[0] + text[: max(0, text.find(value))].count("\n")
