"""Renders prerendered routes: which paths there are, and what each becomes."""

from __future__ import annotations

import inspect
import posixpath
import time
import traceback
import unicodedata
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from firstlight.advice import explain, nearest
from firstlight.app import App, NoPlatform
from firstlight.build.mistakes import FUNCTIONS
from firstlight.build.pagination import paginating
from firstlight.build.scan import (
    ODD_CHARACTERS,
    SiteRoute,
    canonical_path,
    collision,
    output_file,
)
from firstlight.build.source_file import PAGES
from firstlight.context import APIContext, Rewrite
from firstlight.errors import (
    ContextError,
    FirstlightError,
    Location,
    ResponseError,
    RouteError,
    site_frames,
)
from firstlight.request import Request
from firstlight.response import HTML, Response
from firstlight.routing import fill_pattern, is_dynamic, parse_pattern
from firstlight.url import PATH_SAFE, URL, percent_encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

    from firstlight.build.config import Config
    from firstlight.context import Platform
    from firstlight.cookies import Cookies

LOCALHOST = "http://localhost:4321"


@dataclass(frozen=True, slots=True)
class StaticPath:
    """One path to prerender.

    Attributes:
        path: Decoded, without base, such as `/blog/hello`.
        output: Where it is written, relative to dist/client/, base left out.
    """

    route: SiteRoute
    path: str
    output: str
    params: dict[str, str | None] = field(default_factory=dict[str, "str | None"])
    props: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prerendered path.

    Attributes:
        body: What is written; None when the route answered with nothing.
        headers: Of the response, for the platform's `_headers`; the content type is left out.
        seconds: How long it took.
    """

    path: StaticPath
    body: bytes | None
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    content_type: str | None = None
    seconds: float = 0.0


class PrerenderContext(APIContext):
    """The context at build: there is no request, and asking for one says so."""

    is_prerendered = True

    @property
    def request(self) -> Request:
        """Raises: there is none."""
        raise self._absent("request")

    @property
    def cookies(self) -> Cookies:
        """Raises: there are none."""
        raise self._absent("cookies")

    @property
    def client_address(self) -> str:
        """Raises: there is no visitor."""
        raise self._absent("client_address")

    @property
    def session(self) -> Any:
        """Raises: there is no visitor."""
        raise self._absent("session")

    def _absent(self, member: str) -> ContextError:
        hint = "Set `prerender = False` to run this route for each request."
        if _is_called_from_middleware():
            hint = "Test `ctx.is_prerendered` first: middleware runs at build, too."
        return ContextError(f"`ctx.{member}` is not available while prerendering.", hint=hint)


def _is_called_from_middleware() -> bool:
    for frame, _ in traceback.walk_stack(None):
        page = str(frame.f_globals.get("__page__", ""))
        if page:
            return posixpath.basename(page) == "_middleware.py"
    return False


async def static_paths(route: SiteRoute, module: ModuleType, config: Config) -> list[StaticPath]:
    """List the paths of a prerendered route.

    Raises:
        FirstlightError: A dynamic route without usable static paths, the entry named.
    """
    if not is_dynamic(route.pattern):
        return [_static_path(route, config, {}, {})]
    function = getattr(module, "get_static_paths", None)
    if function is None:
        raise RouteError(
            "This prerendered route has parameters, but no `get_static_paths()`.",
            hint=_static_paths_hint(route),
            location=route.location,
        )
    with paginating(route, config):
        result = function()
        if inspect.isawaitable(result):
            result = await result
    if not isinstance(result, (list, tuple)):
        raise _entry_error(route, f"returned {type(result).__name__}, not a list")
    paths = [_checked_entry(route, config, i, entry) for i, entry in enumerate(result)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    _check_duplicates(route, paths)
    return paths


def _static_paths_hint(route: SiteRoute) -> str:
    if route.kind == "markdown":
        return "Markdown has no parameters: make it an .html page, or a collection's entry."
    body = route.frontmatter.tree.body if route.frontmatter else []
    names = [node.name for node in body if isinstance(node, FUNCTIONS)]
    near = nearest("get_static_paths", names)
    if near is not None:
        return f"Rename `{near}` to `get_static_paths`."
    return "Define `get_static_paths()`, or set `prerender = False`."


def _entry_error(route: SiteRoute, what: str) -> RouteError:
    return RouteError(
        f"`get_static_paths()` {what}.",
        hint='Return a list of `{"params": {…}, "props": {…}}`.',
        location=Location(route.file, _static_paths_line(route), route.pattern),
    )


def _static_paths_line(route: SiteRoute) -> int | None:
    nodes = route.frontmatter.tree.body if route.frontmatter else []
    lines = (n.lineno for n in nodes if getattr(n, "name", "") == "get_static_paths")
    offset = route.source.frontmatter_line - 1
    return next((line + offset for line in lines), None)


def _checked_entry(route: SiteRoute, config: Config, index: int, entry: Any) -> StaticPath:
    where = f"returned an entry {index}"
    if not isinstance(entry, dict):
        raise _entry_error(
            route, f"{where} that is {type(entry).__name__}, not a dict: `{entry!r}`"
        )
    if unknown := set(entry) - {"params", "props"}:  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        raise _entry_error(route, f"{where} with the unknown key `{min(map(str, unknown))}`")  # pyright: ignore[reportUnknownArgumentType]
    params, props = entry.get("params"), entry.get("props", {})  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if not isinstance(params, dict) or not params:
        raise _entry_error(route, f"{where} without `params`: `{entry!r}`")
    if not isinstance(props, dict):
        raise _entry_error(route, f"{where} whose `props` is {type(props).__name__}, not a dict")  # pyright: ignore[reportUnknownArgumentType]
    _check_params(route, where, params)  # pyright: ignore[reportUnknownArgumentType]
    return _static_path(route, config, params, props)  # pyright: ignore[reportUnknownArgumentType]


def _check_params(route: SiteRoute, where: str, params: dict[Any, Any]) -> None:
    parts = [p for segment in parse_pattern(route.pattern) for p in segment if p.is_param]
    for part in parts:
        value = params.get(part.text)
        if value is None and part.is_rest:
            continue
        if part.text not in params:
            raise _entry_error(route, f"{where} without the parameter `{part.text}`: `{params!r}`")
        if not isinstance(value, str):
            raise _entry_error(route, f"{where} whose `{part.text}` is not a str: `{value!r}`")
        trimmed = value.strip("/")
        if (not trimmed and not part.is_rest) or ("/" in trimmed and not part.is_rest):
            raise _entry_error(route, f"{where} whose `{part.text}` cannot be a path: `{value!r}`")
        has_odd = "\\" in value or ODD_CHARACTERS.search(value)
        if has_odd or {".", ".."} & set(trimmed.split("/")):
            raise _entry_error(route, f"{where} whose `{part.text}` cannot be a path: `{value!r}`")
    if unknown := set(params) - {part.text for part in parts}:
        raise _entry_error(route, f"{where} with the unknown parameter `{min(map(str, unknown))}`")


def _static_path(
    route: SiteRoute,
    config: Config,
    params: dict[str, str | None],
    props: Mapping[str, Any],
) -> StaticPath:
    clean = {name: _clean(value) for name, value in params.items()}
    path = fill_pattern(route.pattern, clean)
    output = output_file(path, config, is_endpoint=route.is_endpoint)
    return StaticPath(route, path, output, clean, props)


def _clean(value: str | None) -> str | None:
    """Write a parameter as the path of a request has it; None for an absent one."""
    segments = unicodedata.normalize("NFC", value or "").split("/")
    return "/".join(filter(None, segments)) or None


def _check_duplicates(route: SiteRoute, paths: list[StaticPath]) -> None:
    seen: set[str] = set()
    for index, path in enumerate(paths):
        if path.output in seen:
            raise _entry_error(route, f"returned an entry {index} that repeats `{path.params!r}`")
        seen.add(path.output)


def check_outputs(paths: Iterable[StaticPath], claims: Mapping[str, str]) -> list[RouteError]:
    """Find generated paths that another file answers, too.

    Args:
        paths: Every path to prerender.
        claims: Path to file of what is not prerendered: assets, redirects and static
            on-demand routes.
    """
    owners: dict[str, list[str]] = {path: [file] for path, file in claims.items()}
    for path in paths:
        for url in (path.path, f"/{path.output}"):
            files = owners.setdefault(url, [])
            if path.route.file not in files:
                files.append(path.route.file)
    found: dict[tuple[str, ...], RouteError] = {}
    for url, files in owners.items():
        if len(files) > 1:  # a page's path comes before its file, which says the same
            page = url.removesuffix("index.html").rstrip("/")
            found.setdefault((page, *files), collision(url, files))
    return list(found.values())


def check_folders(paths: Iterable[StaticPath], assets: Iterable[str]) -> list[RouteError]:
    """Find files that would have to be folders, too: `blog` beside `blog/hello/index.html`."""
    owners = {asset: f"{PAGES}/{asset}" for asset in assets}
    owners |= {path.output: path.route.file for path in paths}
    return [
        RouteError(
            f"`/{folder}` would be a file and a folder:"
            + "".join(f"\n    {each}" for each in dict.fromkeys((owners[folder], file))),
            hint="Give the endpoint an extension, as in `blog.json.py`, "
            "or set `prerender = False` in one of them.",
            location=Location(owners[folder]),
        )
        for output, file in owners.items()
        for folder in map(str, PurePosixPath(output).parents)
        if folder in owners
    ]


class Prerenderer:
    """Renders paths with the site's own App: middleware, page, template.

    Args:
        app: Its manifest lists every route of the site with its module.
    """

    def __init__(self, app: App, config: Config) -> None:
        self._app = app
        self._config = config
        self._routes = {route.file: route for route in app.manifest.routes}

    async def render(self, path: StaticPath, platform: Platform | None = None) -> Rendered:
        """Render one path.

        Raises:
            Exception: Whatever the site's code raises; no error page hides it.
        """
        started = time.perf_counter()
        rendered = await self._rendered(path, platform or NoPlatform())
        return replace(rendered, seconds=time.perf_counter() - started)

    async def _rendered(self, path: StaticPath, platform: Platform) -> Rendered:
        response = await self._respond(path, platform)
        if 300 <= response.status < 400 and "location" in response.headers:  # noqa: PLR2004
            target = response.headers["location"]
            page = redirect_page(target, response.status, site=self._config.site)
            return Rendered(path, page.encode(), content_type=HTML)
        if response.is_empty:
            return Rendered(path, None)
        content_type = response.headers.get("content-type")
        headers = [
            (n, v) for n, v in response.headers.items() if n not in ("content-type", "set-cookie")
        ]
        return Rendered(path, await response.bytes(), headers, content_type)

    async def _respond(self, path: StaticPath, platform: Platform) -> Response:
        route = self._routes[path.route.file]
        ctx = self._context(path, platform)

        async def page(other: str | None = None, /) -> Response:
            if other is not None:
                raise ContextError(
                    f"`next({other!r})` is not available while prerendering.",
                    hint="Test `ctx.is_prerendered` first: middleware runs at build, too.",
                )
            response = await self._app.run_route(route, ctx)
            if isinstance(response, Rewrite):
                raise ResponseError("`ctx.rewrite()` is not available while prerendering.")
            return response

        return await self._app.run_middleware(ctx, page)

    def _context(self, path: StaticPath, platform: Platform) -> PrerenderContext:
        origin = self._config.site or LOCALHOST
        pathname = canonical_path(path.path, self._config, is_endpoint=path.route.is_endpoint)
        url = URL(origin).with_path(percent_encode(pathname, PATH_SAFE))
        request = Request("GET", url.href)
        ctx = PrerenderContext(
            request,
            url,
            platform=platform,
            site=self._config.site,
            base=self._config.base,
        )
        ctx.params = dict(path.params)
        ctx.props = path.props
        ctx.route_pattern = path.route.pattern
        return ctx


def redirect_page(
    target: str, status: int, *, source: str | None = None, site: str | None = None
) -> str:
    """Make the HTML file that stands for a redirect where no server answers.

    Args:
        target: A path or an absolute URL, percent-encoded.
        status: 302 waits two seconds, as in Astro, so that the page can be read.
        source: The path it stands at, if the page should name it.
        site: The site's origin, for the canonical link.

    Source:
        https://developer.mozilla.org/docs/Web/HTML/Element/meta/http-equiv#refresh
    """
    safe = escape(target)
    delay = 2 if status == 302 else 0  # noqa: PLR2004
    is_path = target.startswith("/") and not target.startswith("//")
    canonical = escape(f"{site}{target}") if site and is_path else safe
    origin = f"from <code>{escape(source)}</code> " if source else ""
    return (
        f"<!doctype html>\n<title>Redirecting to: {safe}</title>\n"
        f'<meta http-equiv="refresh" content="{delay};url={safe}">\n'
        f'<meta name="robots" content="noindex">\n<link rel="canonical" href="{canonical}">\n'
        f'<body><a href="{safe}">Redirecting {origin}to <code>{safe}</code></a></body>\n'
    )


def located(error: BaseException, route: SiteRoute) -> Exception:
    """Give an error of a page the place in the site's files it came from."""
    frames = site_frames(error, {})
    place = frames[-1] if frames else None
    if isinstance(error, FirstlightError):
        if error.location is None:
            file, line = (place.file, place.line) if place else (route.file, None)
            error.location = Location(file, line, route.pattern)
        return error
    return SiteCodeError(error, route, frames)


class SiteCodeError(FirstlightError):
    """An exception in the site's own code, told with its place.

    Attributes:
        error: The exception itself.
        frames: Its way through the site's files, outermost first.
    """

    def __init__(self, error: BaseException, route: SiteRoute, frames: list[Any]) -> None:
        file, line = (frames[-1].file, frames[-1].line) if frames else (route.file, None)
        text, hint = explain(error)
        super().__init__(text, hint=hint, location=Location(file, line, route.pattern))
        self.error = error
        self.frames = frames
