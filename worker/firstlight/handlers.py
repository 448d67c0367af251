"""From a route's module to a response: pages, and endpoints by method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstlight.context import Rewrite
from firstlight.errors import ResponseError, wrong_answer
from firstlight.response import HTML_FIELDS, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import ModuleType
    from typing import Any, Protocol, TypeAlias

    from firstlight.context import APIContext
    from firstlight.templating import Templates

    Answer: TypeAlias = Response | Rewrite

    class TemplatesOf(Protocol):
        """`App.templates`."""

        def __call__(self, *, streamed: bool = False) -> Templates:
            """Give the site's templates."""
            ...


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
HANDLERS = (*METHODS, "ALL")
# design.md 5: the functions that answer a method, best first.
FALLBACKS = {method: (method, "ALL") for method in METHODS} | {"HEAD": ("HEAD", "ALL", "GET")}


class Names(dict[str, object]):
    """The names a page's frontmatter has bound, ready for its template."""


async def handle_page(page: ModuleType, ctx: APIContext, templates: TemplatesOf) -> Answer:
    """Run a compiled page: its frontmatter, then its template.

    Args:
        page: Has `_frontmatter(ctx)` when there is any, and `__template__`, the name of its
            own template or of a Markdown page's layout.
        ctx: Passed to both.
        templates: Gives the site's templates; called only when one is rendered.

    Raises:
        ResponseError: The frontmatter returned something other than a response.
    """
    frontmatter = getattr(page, "_frontmatter", None)
    names = await frontmatter(ctx) if frontmatter else Names()
    if isinstance(names, Rewrite):
        return names
    if isinstance(names, Response):
        return _with_extras(names.copy(), ctx)
    if not isinstance(names, Names):
        raise wrong_answer("The frontmatter returned", names)
    body = _rendered(page, names, ctx, templates)
    return _with_extras(Response.of_trusted(body, HTML_FIELDS), ctx)


def _rendered(
    page: ModuleType, names: Names, ctx: APIContext, templates: TemplatesOf
) -> str | AsyncIterator[str]:
    """Render the page's template; with `stream = True`, piece by piece while it is sent."""
    name = page.__template__
    if getattr(page, "stream", False):
        template: Any = templates(streamed=True).of_page(name, page)
        return template.stream(names, ctx)
    own = hasattr(page, "_template")
    template = templates().of_page(name, page) if own else templates().get_template(name)
    return template.render(names, ctx)


async def handle_endpoint(endpoint: ModuleType, ctx: APIContext, method: str) -> Answer:
    """Call the function of an endpoint that a method belongs to.

    Returns:
        Its response, final: no error page replaces it. 405 with `Allow` when there is no
        function; OPTIONS is answered with 204 and `Allow`.

    Raises:
        ResponseError: It is no function, or returned no response, dict, list or str.

    Source:
        https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6 (405 must list what is allowed)
    """
    for name in FALLBACKS.get(method, ("ALL",)):
        function = getattr(endpoint, name, None)
        if function is not None:
            break
    else:
        return _not_allowed(endpoint, method)
    if not callable(function):
        raise ResponseError(
            f"`{name}` is {type(function).__name__}, not a function.",
            hint="Define it with `def` or `async def`.",
        )
    result: Any = function(ctx)
    if not isinstance(result, (Response, Rewrite)) and hasattr(result, "__await__"):
        result = await result
    if isinstance(result, Rewrite):
        return result
    response = _with_extras(_as_response(result, method, name), ctx)
    response.is_final = True
    return response


def defined_methods(endpoint: ModuleType) -> list[str]:
    """List the handlers of an endpoint in the order of `HANDLERS`."""
    return [name for name in HANDLERS if callable(getattr(endpoint, name, None))]


def _not_allowed(endpoint: ModuleType, method: str) -> Response:
    allowed = defined_methods(endpoint)
    if "GET" in allowed and "HEAD" not in allowed:
        allowed.insert(allowed.index("GET") + 1, "HEAD")
    if "OPTIONS" not in allowed:
        allowed.append("OPTIONS")
    headers = {"allow": ", ".join(allowed)}
    if method == "OPTIONS":
        response = Response(None, 204, headers)
    else:
        response = Response("Method Not Allowed", 405, headers)
    response.is_final = True
    return response


def _as_response(result: Any, method: str, name: str) -> Response:
    if isinstance(result, Response):
        return result.copy()  # site code may keep its own for other requests
    if isinstance(result, (dict, list)):
        return Response.from_json(result)
    if isinstance(result, str):
        return Response(result)
    raise wrong_answer(f"`{name}` answered a {method} request with", result)


def _with_extras(response: Response, ctx: APIContext) -> Response:
    """Add status and headers of `ctx.response`; what the page itself set stays.

    The status counts where the response has not chosen another than 200.
    """
    if not ctx.has_response:
        return response
    if response.status == 200:  # noqa: PLR2004
        response = response.with_status(ctx.response.status or 200)
    own = {*response.headers} - {"set-cookie"}
    for name, value in ctx.response.headers.items():
        if name == "content-type":
            response.headers[name] = value
        elif name not in own:
            response.headers.append(name, value)
    return response
