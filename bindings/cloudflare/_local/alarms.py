"""When the Durable Objects of one class want to be called, in an SQLite file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bindings.cloudflare._local.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS alarms (
  id TEXT PRIMARY KEY, name TEXT, due REAL NOT NULL, tries INTEGER NOT NULL
)
"""


class Alarms:
    """One alarm for each object; several processes may share the file.

    Times are Unix seconds.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self) -> list[tuple[str, float]]:
        """List the ids of the objects, and when each is due."""
        with self._database.connection(SCHEMA) as connection:
            return connection.execute("SELECT id, due FROM alarms").fetchall()

    def due(self, object_id: str) -> float | None:
        """Return when an object's alarm is due."""
        with self._database.connection(SCHEMA) as connection:
            sql = "SELECT due FROM alarms WHERE id = ?"
            found = connection.execute(sql, (object_id,)).fetchone()
        return None if found is None else found[0]

    def put(
        self,
        object_id: str,
        name: str | None,
        due: float,
        tries: int = 0,
        *,
        is_retry: bool = False,
    ) -> bool:
        """Set an alarm; a retry does not replace one that was set meanwhile."""
        what = "INSERT OR IGNORE" if is_retry else "INSERT OR REPLACE"
        with self._database.connection(SCHEMA) as connection:
            sql = f"{what} INTO alarms VALUES (?, ?, ?, ?)"
            return connection.execute(sql, (object_id, name, due, tries)).rowcount == 1

    def take(self, object_id: str, due: float) -> tuple[str | None, int] | None:
        """Take an alarm that is due by then: the object's name and the tries before; else None.

        Of several processes that ask, one gets it.
        """
        with self._database.connection(SCHEMA) as connection:
            sql = "DELETE FROM alarms WHERE id = ? AND due <= ? RETURNING name, tries"
            taken = connection.execute(sql, (object_id, due)).fetchall()
        return taken[0] if taken else None

    def delete(self, object_id: str) -> None:
        """Forget an alarm."""
        with self._database.connection(SCHEMA) as connection:
            connection.execute("DELETE FROM alarms WHERE id = ?", (object_id,))

    def close(self) -> None:
        """Close the database."""
        self._database.close()
