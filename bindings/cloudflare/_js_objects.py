"""The Durable Object that the platform made: its class and its storage.

Apart from the rest, so that a Worker without such a class does not load this.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from bindings.cloudflare._js import (
    absent_to_none,
    enter,
    from_json,
    kind_of,
    platform_errors,
    to_buffer,
    to_bytes,
    to_json,
    unwrapped,
)

try:
    from workers import DurableObject as Runtime  # pyright: ignore[reportMissingImports, reportUnknownVariableType] - the runtime's
except ImportError:  # wrangler 3, which runs no Durable Object in Python

    class Runtime:
        """Stands in."""

        def __init__(self, ctx: object, env: object) -> None: ...


if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Runtime", "enter", "open_state"]

BUFFERS = {"ArrayBuffer", "Uint8Array"}


def open_state(ctx: Any) -> Any:
    """Take the platform's state apart: raw, or wrapped by the `workers` SDK."""
    return SimpleNamespace(
        storage=JSStorage(unwrapped(ctx.storage)),
        id=str(ctx.id.toString()),
        name=absent_to_none(getattr(ctx.id, "name", None)),
    )


class JSStorage:
    """The storage of one object."""

    def __init__(self, target: Any) -> None:
        self._target = target

    async def get(self, keys: list[str]) -> dict[str, Any]:
        """Read values."""
        with platform_errors():
            return _to_dict(await self._target.get(to_json(keys)))

    async def put(self, entries: dict[str, Any]) -> None:
        """Keep values."""
        made = to_json({k: None if isinstance(v, bytes) else v for k, v in entries.items()})
        for key, value in entries.items():
            if isinstance(value, bytes):
                setattr(made, key, to_buffer(value))
        with platform_errors():
            await self._target.put(made)

    async def delete(self, keys: list[str]) -> int:
        """Delete keys."""
        with platform_errors():
            return int(await self._target.delete(to_json(keys)))

    async def list(self, options: dict[str, Any]) -> dict[str, Any]:
        """Read values in order."""
        with platform_errors():
            return _to_dict(await self._target.list(to_json(options)))

    async def delete_all(self) -> None:
        """Delete everything."""
        with platform_errors():
            await self._target.deleteAll()

    def sql(self, statement: str, params: Sequence[Any]) -> tuple[list[str], list[list[Any]]]:
        """Run SQL."""
        plain = to_json([None if isinstance(value, bytes) else value for value in params])
        given = [
            to_buffer(value) if isinstance(value, bytes) else plain[index]
            for index, value in enumerate(params)
        ]
        with platform_errors():
            cursor = self._target.sql.exec(statement, *given)
            found = cursor.raw().toArray()
            names: list[str] = from_json(cursor.columnNames)
        rows: list[list[Any]] = from_json(found)
        for index, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, dict):  # only a BLOB is an object, which JSON has no form for
                    row[column] = to_bytes(found[index][column])
        return names, rows

    async def get_alarm(self) -> float | None:
        """Return when the alarm is due."""
        with platform_errors():
            due: Any = absent_to_none(await self._target.getAlarm())
        return due

    async def set_alarm(self, due: float) -> None:
        """Set the alarm."""
        with platform_errors():
            await self._target.setAlarm(due)

    async def delete_alarm(self) -> None:
        """Forget the alarm."""
        with platform_errors():
            await self._target.deleteAlarm()


def _to_dict(found: Any) -> dict[str, Any]:
    return {pair[0]: _to_python(pair[1]) for pair in found.entries()}


def _to_python(value: Any) -> Any:
    kind = kind_of(value)
    if kind in BUFFERS:
        return to_bytes(value)
    return from_json(value) if kind else absent_to_none(value)
