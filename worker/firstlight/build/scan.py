"""From the files under pages/ to routes, assets, templates and helper modules."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from firstlight.build.frontmatter import (
    Frontmatter,
    Source,
    analyse,
    key_lines,
    option_value,
    parse_python,
    split_source,
)
from firstlight.build.markdown import load_frontmatter
from firstlight.build.source_file import PAGES, find_files, read_text
from firstlight.build.syntax import module_names
from firstlight.errors import FirstlightError, Location, RouteError
from firstlight.handlers import HANDLERS
from firstlight.routing import PARAM, is_dynamic, parse_pattern, route_key

if TYPE_CHECKING:
    from pathlib import Path

    from firstlight.build.config import Config
    from firstlight.manifest import Redirect

API = "pages/api/"
PAGE_EXTENSIONS = (".html", ".jinja", ".md")
TEMPLATE_EXTENSIONS = (".html", ".jinja")
PLATFORM_FILES = ("_headers", "_redirects", ".assetsignore")
ODD_CHARACTERS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(slots=True)
class SiteRoute:
    """A file that is a page or an endpoint.

    Attributes:
        file: Relative to the site's root, such as `pages/blog/[slug].html`.
        pattern: Such as `/blog/[slug]`.
        kind: `page`, `markdown` or `endpoint`.
        module: Import name of its (compiled) module.
        stream: Whether the page goes out while it is being rendered.
        is_prerendered: Whether it is written at build.
        why: The reason, for the report.
    """

    file: str
    pattern: str
    kind: str
    source: Source
    module: str = ""
    prerender: bool | None = None
    stream: bool = False
    handlers: tuple[str, ...] = ()
    frontmatter: Frontmatter | None = None
    data: dict[str, object] = field(default_factory=dict[str, object])
    is_prerendered: bool = True
    why: str = ""

    @property
    def is_endpoint(self) -> bool:
        """Whether it is an endpoint."""
        return self.kind == "endpoint"

    @property
    def location(self) -> Location:
        """Where errors about the whole file point."""
        return Location(self.file, route=self.pattern)


@dataclass(slots=True)
class Site:
    """What lies under pages/.

    Attributes:
        routes: In priority order.
        assets: Path below pages/ of every file that is served as it is.
        templates: Template name to file, every template of the site, pages included.
        modules: Module name to file, helper modules and middleware.
        platform_files: `_headers`, `_redirects` and `.assetsignore` of the user, if there are any.
        left_out: Links that lead nowhere, out of the site or in a circle.
        errors: What is wrong with single files; the rest of the site was read.
    """

    root: Path
    config: Config
    routes: list[SiteRoute] = field(default_factory=list[SiteRoute])
    assets: list[str] = field(default_factory=list[str])
    templates: dict[str, str] = field(default_factory=dict[str, str])
    modules: dict[str, str] = field(default_factory=dict[str, str])
    platform_files: list[str] = field(default_factory=list[str])
    left_out: list[str] = field(default_factory=list[str])
    errors: list[Exception] = field(default_factory=list[Exception])

    @property
    def on_demand(self) -> list[SiteRoute]:
        """The routes that run in the Worker."""
        return [route for route in self.routes if not route.is_prerendered]

    @property
    def has_middleware(self) -> bool:
        """Whether there is a pages/_middleware.py."""
        return "pages._middleware" in self.modules


def scan(root: Path, config: Config) -> Site:
    """Read the files under pages/; what is wrong with one of them goes to `errors`."""
    site = Site(root, config)
    check_is_site(root)
    names = _names(site)
    modules = _ModuleNames(names)
    for name in names:  # helpers first: user code imports them by these names
        if _is_hidden(name):
            _add_helper(site, name, modules)
    for name in names:
        if not _is_hidden(name):
            try:
                _add_file(site, name, modules)
            except FirstlightError as error:
                site.errors.append(error)
    site.routes.sort(key=lambda route: route_key(route.pattern, is_endpoint=route.is_endpoint))
    _find_collisions(site)
    return site


def _names(site: Site) -> list[str]:
    """List the files below pages/ whose names can be part of a URL; the others are errors."""
    found, site.left_out = find_files(site.root)
    odd = [name for name in found if ODD_CHARACTERS.search(name)]
    site.errors += [
        RouteError(
            "The file's name is not UTF-8 or holds a control character.",
            hint="Rename it.",
            location=Location(f"{PAGES}/{ascii(name)[1:-1]}"),
        )
        for name in odd
    ]
    return [name for name in found if name not in odd]


def check_is_site(root: Path) -> None:
    """Make sure that there is a pages/ folder.

    Raises:
        RouteError: There is none.
    """
    if not (root / PAGES).is_dir():
        raise RouteError(
            "This folder has no `pages/`.",
            hint="Run the command in a site's root, or create pages/index.html.",
        )


def _is_hidden(name: str) -> bool:
    """Tell whether a part of the path makes the file no route: `_x`, `.x` but `.well-known`."""
    return any(part.startswith(("_", ".")) and part != ".well-known" for part in name.split("/"))


def _add_helper(site: Site, name: str, modules: _ModuleNames) -> None:
    path = PurePosixPath(name)
    if name in PLATFORM_FILES:
        site.platform_files.append(name)
    elif any(part.startswith(".") for part in path.parts):
        return
    elif path.suffix == ".py":
        site.modules[modules.helper(name)] = f"{PAGES}/{name}"
    elif path.suffix in TEMPLATE_EXTENSIONS:
        site.templates[name] = f"{PAGES}/{name}"


def _add_file(site: Site, name: str, modules: _ModuleNames) -> None:
    suffix = PurePosixPath(name).suffix
    file = f"{PAGES}/{name}"
    if suffix not in (*PAGE_EXTENSIONS, ".py"):
        site.assets.append(name)
        return
    pattern = pattern_of(name)
    try:
        _check_pattern(pattern, is_endpoint=suffix == ".py")
    except RouteError as error:
        error.location = Location(file)
        raise
    text = read_text(site.root / file, file)
    if suffix == ".py":
        route = _endpoint(file, pattern, text)
    else:
        route = _page(file, pattern, text, is_markdown=suffix == ".md")
        if route.kind != "markdown":
            site.templates[name] = file
    route.module = modules.route(name)
    site.routes.append(route)
    decide(route, site.config)


def _check_pattern(pattern: str, *, is_endpoint: bool) -> None:
    for segment in parse_pattern(pattern):
        if not is_endpoint and len(segment) > 1 and any(part.is_rest for part in segment):
            raise RouteError(
                f"A page's rest parameter stands alone in its segment, unlike in `{pattern}`.",
                hint="Put a `/` between them, or use a parameter such as `[slug]`.",
            )


def pattern_of(name: str) -> str:
    """Return the route pattern of a file below pages/."""
    path = PurePosixPath(name)
    stem = path.name[: -len(path.suffix)]
    parents = list(path.parts[:-1])
    if stem == "index":
        segments = parents
    elif path.suffix == ".py" and stem.startswith("index.") and parents:
        segments = [*parents[:-1], parents[-1] + stem.removeprefix("index")]
    else:
        segments = [*parents, stem]
    return unicodedata.normalize("NFC", "/" + "/".join(segments))


def decide(route: SiteRoute, config: Config) -> None:
    """Decide whether a route is prerendered and say why: the table of design.md 3."""
    if route.prerender is not None:
        route.is_prerendered = route.prerender
        route.why = f"prerender = {route.prerender}"
    elif config.output == "server":
        route.is_prerendered, route.why = False, 'output = "server"'
    elif config.output == "hybrid" and route.is_endpoint and route.file.startswith(API):
        route.is_prerendered, route.why = False, "an endpoint under pages/api/"
    else:
        route.is_prerendered, route.why = True, f'output = "{config.output}"'
    if route.is_prerendered and route.is_endpoint and not {"GET", "ALL"} & set(route.handlers):
        raise RouteError(
            f"A prerendered endpoint needs `GET`; this one defines {', '.join(route.handlers)}.",
            hint="Define `GET`, or set `prerender = False`.",
            location=route.location,
        )


def _endpoint(file: str, pattern: str, text: str) -> SiteRoute:
    tree = parse_python(text, file)
    names = module_names(tree)
    handlers = tuple(name for name in HANDLERS if name in names)
    if not handlers:
        raise RouteError(
            "This endpoint defines no handler.",
            hint=_handler_hint(names),
            location=Location(file, route=pattern),
        )
    source = Source(file, text, "", frontmatter_line=1)
    route = SiteRoute(file, pattern, "endpoint", source, handlers=handlers)
    route.prerender = option_value(tree, "prerender", file)
    route.frontmatter = Frontmatter([], [], [], [], tree)
    return route


def _handler_hint(names: set[str]) -> str:
    if "on_request" in names:
        return "Call the file `_middleware.py`."
    wrong = sorted(name for name in names if name.upper() in HANDLERS)
    if wrong:
        return f"Methods are written in capitals: rename `{wrong[0]}` to `{wrong[0].upper()}`."
    return (
        f"Define one of {', '.join(HANDLERS)}, in capitals, or begin the file's name with `_` if "
        "it is a helper."
    )


def _page(file: str, pattern: str, text: str, *, is_markdown: bool) -> SiteRoute:
    source = split_source(file, text)
    if is_markdown:
        route = SiteRoute(file, pattern, "markdown", source, data=load_frontmatter(source))
        route.prerender = _yaml_prerender(route)
        return route
    route = SiteRoute(file, pattern, "page", source)
    route.frontmatter = analyse(source)
    tree, first_line = route.frontmatter.tree, source.frontmatter_line
    route.prerender = option_value(tree, "prerender", file, first_line)
    route.stream = bool(option_value(tree, "stream", file, first_line))
    return route


def _yaml_prerender(route: SiteRoute) -> bool | None:
    if "prerender" not in route.data:
        return None
    value = route.data["prerender"]
    first, *others = key_lines(route.source, "prerender") or [None]
    if others:
        problem, line = "`prerender` stands twice.", others[0]
    elif isinstance(value, bool):
        return value
    else:
        problem, line = f"`prerender` is `{value}`, neither true nor false.", first
    raise RouteError(
        problem,
        hint="Write `prerender: true` or `prerender: false`.",
        location=Location(route.file, line),
    )


def _find_collisions(site: Site) -> None:
    """Report routes that answer the same URL, and files that would be written to one path."""
    claims: dict[str, list[str]] = {}
    urls: dict[str, str] = {}
    redirected = {shape(redirect.pattern) for redirect in site.config.redirects}
    for route in site.routes:
        is_generated = is_dynamic(route.pattern) and route.is_prerendered
        if not is_generated or shape(route.pattern) in redirected:
            claims.setdefault(shape(route.pattern), []).append(route.file)
            urls.setdefault(shape(route.pattern), route.pattern)
    for asset in site.assets:
        claims.setdefault("/" + unicodedata.normalize("NFC", asset), []).append(f"{PAGES}/{asset}")
    for redirect in site.config.redirects:
        if shape(redirect.pattern) in claims:
            claims[shape(redirect.pattern)].append(redirect_claim(redirect))
    for url, files in claims.items():
        if len(files) > 1:
            site.errors.append(collision(urls.get(url, url), files))


def redirect_claim(redirect: Redirect) -> str:
    """Name a redirect among the files that answer a URL."""
    return f"the redirect `{redirect.pattern}` in pyproject.toml"


def collision(url: str, files: list[str]) -> RouteError:
    """Describe files that want one URL."""
    listed = "".join(f"\n    {file}" for file in files)
    return RouteError(
        f"{len(files)} files answer the URL `{url}`:{listed}",
        hint="Rename all but one of them.",
        location=Location(next(file for file in files if file.startswith(PAGES))),
    )


def shape(pattern: str) -> str:
    """Return a pattern with its parameters' names forgotten."""
    return re.sub(PARAM, r"[\1]", pattern)


class _ModuleNames:
    """Gives files import names that mirror their paths and are unique."""

    def __init__(self, names: list[str]) -> None:
        # A module beside a package of the same name would hide it.
        self._taken = {
            ".".join([PAGES, *map(_identifier, folder.parts)])
            for name in names
            for folder in PurePosixPath(name).parents
        }

    def helper(self, name: str) -> str:
        """Name a helper as Python itself would import it.

        Its folders are named as a route's are, so that relative imports between them work.
        """
        *folders, stem = name.removesuffix(".py").split("/")
        module = ".".join([PAGES, *map(_identifier, folders), stem])
        module = module.removesuffix(".__init__")
        self._taken.add(module)
        return module

    def route(self, name: str) -> str:
        """Name a page or endpoint: `blog/[slug].html` becomes `pages.blog._slug__html`."""
        path = PurePosixPath(name)
        stem = name.removesuffix(".py") if path.suffix == ".py" else name
        module = ".".join([PAGES, *map(_identifier, stem.split("/"))])
        while module in self._taken:
            module += "_"
        self._taken.add(module)
        return module


def _identifier(text: str) -> str:
    name = re.sub(r"\W", "_", text, flags=re.ASCII)
    return f"_{name}" if name[:1].isdigit() else name


def output_file(pattern: str, config: Config, *, is_endpoint: bool) -> str:
    """Return where a prerendered path is written, relative to dist/client/, base left out.

    Source:
        https://docs.astro.build/en/reference/configuration-reference/#buildformat
    """
    path = pattern.strip("/")
    if is_endpoint:
        return path or "index.html"  # the platform knows no other file for the root
    if path in ("404", "500"):
        return f"{path}.html"
    if not path:
        return "index.html"
    return f"{path}.html" if config.format == "file" else f"{path}/index.html"


def canonical_path(path: str, config: Config, *, is_endpoint: bool) -> str:
    """Return where the platform serves a prerendered path without a redirect, base included."""
    base = "" if config.base == "/" else config.base
    if is_endpoint:
        return base + path
    slash = config.trailing_slash == "always"
    if path == "/":
        slash = config.trailing_slash != "never"
    elif not slash and path not in ("/404", "/500"):  # always files, whatever the format
        slash = config.trailing_slash != "never" and config.format == "directory"
    bare = (base + path).rstrip("/")
    return f"{bare}/" if slash or not bare else bare
