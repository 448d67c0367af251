"""What an adapter is: it makes of a built site what one kind of host runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from firstlight.build.platform_files import headers_file, ignore_file, redirects_file
from firstlight.build.source_file import PAGES, read_bytes
from firstlight.errors import AdapterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import TypeAlias

    from firstlight.build.compile import CompiledModule
    from firstlight.build.prerender import Rendered
    from firstlight.build.scan import Site
    from firstlight.build.wrangler import Wrangler
    from firstlight.manifest import Manifest

    File: TypeAlias = tuple[str, bytes]

GROUP = "firstlight.adapters"
BUILT_IN = ("cloudflare", "asgi", "vercel", "netlify")
LEVELS = ("stable", "limited", "unsupported")
FEATURES = ("static", "hybrid", "server", "streaming", "wait_until", "bindings")
PARTS = ("name", "supports", "options", "handler", "bundle")  # of an Adapter


class Support(NamedTuple):
    """How well an adapter does something.

    Attributes:
        level: `stable`; `limited`, which the build warns of; or `unsupported`, which makes an
            error of every route that needs it.
        note: A sentence that the warning or error ends with; empty for none.

    Source:
        https://docs.astro.build/en/reference/adapter-reference/#astro-features
    """

    level: str
    note: str = ""


STABLE = Support("stable")
UNSUPPORTED = Support("unsupported")


@dataclass(frozen=True, slots=True)
class SiteBuild:
    """A site as an adapter gets it, when everything that can be made at build is made.

    The build may have failed already: an adapter that finds errors of its own lists them, and
    they are shown with the others.

    Attributes:
        site: Its routes, assets and options; `site.config.adapter_options` are the adapter's own.
        modules: The compiled pages and endpoints by module name.
        manifest: What the request handler needs to know; `dist/server/manifest.py` is one.
        wrangler: The declared bindings and variables.
        rendered: The prerendered paths.
        redirect_pages: Path below dist/client/ to HTML of configured redirects that are files.
    """

    site: Site
    modules: Mapping[str, CompiledModule]
    manifest: Manifest
    wrangler: Wrangler
    rendered: list[Rendered]
    redirect_pages: Mapping[str, str] = field(default_factory=dict[str, str])

    def client_files(self) -> Iterator[File]:
        """Yield path below dist/client/ and content of each file that lies there.

        Raises:
            FirstlightError: An asset cannot be read.
        """
        base = self.site.config.base.strip("/")
        prefix = f"{base}/" if base else ""
        for asset in self.site.assets:
            file = f"{PAGES}/{asset}"
            yield prefix + asset, read_bytes(self.site.root / file, file)
        for page in self.rendered:
            if page.body is not None:
                yield prefix + page.path.output, page.body
        for name, html in self.redirect_pages.items():
            yield prefix + name, html.encode()
        yield from self._platform_files()

    def _platform_files(self) -> Iterator[File]:
        texts = {
            "_headers": headers_file(self.site, self.rendered),
            "_redirects": redirects_file(self.site),
            ".assetsignore": ignore_file(self.site),
        }
        yield from ((name, text.encode()) for name, text in texts.items() if text)


@dataclass(slots=True)
class Bundle:
    """What an adapter makes.

    Attributes:
        server: Path below dist/server/ to text; empty when nothing runs on demand.
        client: Path and content of files that dist/client/ gets beside the site's own.
        folders: Other folders that are replaced whole, relative to the site's root, such as
            `.vercel/output`: path and content of each file there.
        sizes: Bytes by package for the report, where the platform limits them.
        warnings: What works but looks wrong.
        errors: What cannot work there.
        after: Called when everything is written; returns more warnings.
    """

    server: Mapping[str, str] = field(default_factory=dict[str, str])
    client: Iterable[File] = ()
    folders: Mapping[str, Iterable[File]] = field(default_factory=dict[str, "Iterable[File]"])
    sizes: dict[str, int] = field(default_factory=dict[str, int])
    warnings: list[str] = field(default_factory=list[str])
    errors: list[Exception] = field(default_factory=list[Exception])
    after: Callable[[], list[str]] | None = None


class Adapter(Protocol):
    """Makes a site run on one kind of host.

    A package registers an instance under its name in the entry point group
    `firstlight.adapters`; a site then sets `adapter` to that name.
    """

    @property
    def name(self) -> str:
        """As sites write it."""
        ...

    @property
    def supports(self) -> Mapping[str, Support]:
        """Each of `FEATURES` to how well it does it; what is not listed is unsupported."""
        ...

    @property
    def options(self) -> Mapping[str, Any]:
        """What a site may set in `[tool.firstlight.NAME]`, with its default.

        A value has the type of its default: `str`, `int`, `bool` or `list`.
        """
        ...

    @property
    def handler(self) -> str:
        """The module that answers requests with `firstlight.app.App`.

        It runs on the host, so it imports nothing of `firstlight.build`.
        """
        ...

    def bundle(self, build: SiteBuild) -> Bundle:
        """Make what the host runs."""
        ...


def adapter_names() -> list[str]:
    """Name every adapter there is, our own first."""
    installed = {point.name for point in entry_points(group=GROUP)}
    return [*BUILT_IN, *sorted(installed.difference(BUILT_IN))]


def load_adapter(name: str) -> Adapter:
    """Import an adapter.

    Args:
        name: One of `adapter_names`.

    Raises:
        AdapterError: Its package cannot be imported, or holds something else.
    """
    if name in BUILT_IN:
        return import_module(f"firstlight.build.adapters.{name}").ADAPTER
    (point, *_) = entry_points(group=GROUP, name=name)
    try:
        adapter = point.load()
    except (ImportError, AttributeError) as error:
        raise AdapterError(
            f"The adapter `{name}` ({point.value}) cannot be imported: {error}."
        ) from error
    missing = [part for part in PARTS if not hasattr(adapter, part)]
    if missing:
        raise AdapterError(
            f"The adapter `{name}` ({point.value}) has no `{missing[0]}`.",
            hint="An adapter has " + ", ".join(f"`{part}`" for part in PARTS) + ".",
        )
    return adapter
