"""A small site for the fixtures that sites are tested with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from small_site import write

from firstlight.testing.local import sources_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from firstlight.testing.local import Sources


@pytest.fixture(scope="module")
def site_sources(tmp_path_factory: pytest.TempPathFactory) -> Generator[Sources, None, None]:
    """The small site, for one module: other tests have sites of their own."""
    root = tmp_path_factory.mktemp("small")
    write(root)
    with sources_of(root, tmp_path_factory.mktemp("state")) as sources:
        yield sources
