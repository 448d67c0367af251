"""The search index, made at build; js/search.js loads it when somebody searches."""

from __future__ import annotations

from firstlight import APIContext, Response
from pages._lib.guide import guide_pages
from pages._lib.search import search_index


def GET(ctx: APIContext) -> Response:
    """Return the guide's pages, as `search_index` describes them."""
    del ctx
    return Response.json(search_index(guide_pages()))
