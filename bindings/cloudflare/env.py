"""Variables and secrets of the Worker, read when a request needs them."""

from __future__ import annotations

from typing import Any

from bindings.cloudflare.backend import Call
from bindings.cloudflare.errors import BindingError, UnknownVariable


class Env:
    """Variables and secrets by name: `env.API_TOKEN`.

    Text is a str; a JSON variable is the dict, list, number or boolean that
    wrangler.toml gives under `[vars]`.

    Source:
        https://developers.cloudflare.com/workers/configuration/environment-variables/
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        """Return a variable or secret.

        Raises:
            UnknownVariable: It is not set; this is an AttributeError too.
            NoRequestError: No request is being handled.
        """
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._read(name)
        except KeyError:
            raise UnknownVariable(name) from None

    def __contains__(self, name: str) -> bool:
        try:
            self._read(name)
        except KeyError:
            return False
        return True

    def get(self, name: str, default: Any = None) -> Any:
        """Return a variable or secret, or the default when it is not set."""
        try:
            return self._read(name)
        except KeyError:
            return default

    def _read(self, name: str) -> object:
        return Call(BindingError, "env", name).backend.variable(name)


env = Env()
"""The variables and secrets of the request that is being handled."""
