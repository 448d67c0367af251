"""Which file answers which path: measured on the platform's own asset server.

`W` is left to the Worker; `> /x` is a 307 to /x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firstlight.server.assets import AssetServer

if TYPE_CHECKING:
    from firstlight.server.assets import Asset

FILES = {
    "index.html", "foo.html", "blog/index.html", "both.html", "both/index.html", "a.txt", "404.html"
}  # fmt: skip
HANDLINGS = ("auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none")
TABLE = """
/                 index.html       index.html       index.html       W
/index            > /              > /              > /              W
/index.html       > /              > /              > /              index.html
/foo              foo.html         > /foo/          foo.html         W
/foo/             > /foo           foo.html         > /foo           W
/foo.html         > /foo           > /foo/          > /foo           foo.html
/foo/index        > /foo           > /foo/          > /foo           W
/foo/index.html   > /foo           > /foo/          > /foo           W
/blog             > /blog/         > /blog/         blog/index.html  W
/blog/            blog/index.html  blog/index.html  > /blog          W
/blog.html        > /blog/         > /blog/         > /blog          W
/blog/index       > /blog/         > /blog/         > /blog          W
/blog/index.html  > /blog/         > /blog/         > /blog          blog/index.html
/both             both.html        > /both/         both.html        W
/both/            both/index.html  both/index.html  > /both          W
/both.html        > /both          both.html        > /both          both.html
/both/index.html  > /both/         > /both/         both/index.html  both/index.html
/a.txt/           W                W                W                W
/404.html         > /404           > /404/          > /404           404.html
"""


class Files:
    """Names of files that nobody reads."""

    def __contains__(self, path: object) -> bool:
        return path in FILES

    async def read(self, path: str) -> Asset | None:
        del path


@pytest.mark.parametrize("row", TABLE.strip().splitlines(), ids=lambda row: row.split()[0])
def test_path_is_answered_as_on_the_platform(row: str) -> None:
    path, *expected = row.replace("> ", ">").split()
    found = [AssetServer(Files(), handling).find(path) for handling in HANDLINGS]
    told = ["W" if f is None else f.file or f">{f.redirect}" for f in found]
    assert told == expected
