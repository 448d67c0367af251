"""The port of the development servers."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from firstlight.dev.serving import LAST_PORT, listen
from firstlight.errors import FirstlightError


def test_port_in_use_gives_the_next_free_one() -> None:
    with closing(listen("127.0.0.1", 41000)) as first:
        taken = first.getsockname()[1]
        with closing(listen("127.0.0.1", taken)) as second:
            assert taken < second.getsockname()[1] < taken + 50


def test_address_that_cannot_be_had_is_an_error() -> None:
    with pytest.raises(FirstlightError) as caught:
        listen("192.0.2.1", 4321)  # RFC 5737: nobody's
    assert str(caught.value) == (
        "Cannot listen on 192.0.2.1:4321: Cannot assign requested address.\n"
        "  Hint: Choose another port with `--port`, or another address with `--host`."
    )


def test_no_free_port_is_an_error() -> None:
    with socket.socket() as last:
        last.bind(("127.0.0.1", LAST_PORT))
        last.listen()
        with pytest.raises(FirstlightError, match="the ports from 65535 to 65535 are in use"):
            listen("127.0.0.1", LAST_PORT)
