"""The local data of a site: filled from SQL, begun anew."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from bindings.cloudflare import D1
from bindings.cloudflare._local import use
from firstlight.cli import main
from firstlight.dev.state import data_in_use, has_data, reset, seed
from firstlight.errors import FirstlightError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    WriteSite = Callable[[Mapping[str, str | bytes]], Path]

DATABASE = '[[d1_databases]]\nbinding = "{0}"\ndatabase_name = "{0}"\ndatabase_id = "{0}"\n'
MIGRATION = "create table users (id integer primary key, name text);"
SEED = """\
-- People; and others.
insert into users (name) values ('a;b');

/* More
   of them. */
insert into users (name)
values ('c');
"""


@pytest.fixture
def root(write_site: WriteSite) -> Path:
    return write_site(
        {
            "wrangler.toml": DATABASE.format("DB"),
            "migrations/0001.sql": MIGRATION,
            "seed.sql": SEED,
        }
    )


def names(root: Path, binding: str = "DB") -> list[str]:
    with use(root):
        rows = asyncio.run(D1(binding).all("select name from users"))
    return [row["name"] for row in rows]


def test_seed_runs_on_the_only_database(root: Path) -> None:
    assert seed(root, "seed.sql") == "Ran 2 statements of seed.sql on DB."
    assert names(root) == ["a;b", "c"]


def test_seed_runs_on_the_database_that_it_names(root: Path) -> None:
    (root / "wrangler.toml").write_text(DATABASE.format("DB") + DATABASE.format("OTHER"))
    assert seed(root, "OTHER=seed.sql") == "Ran 2 statements of seed.sql on OTHER."
    assert names(root) == []
    assert names(root, "OTHER") == ["a;b", "c"]


def test_seed_that_fails_tells_the_line_and_changes_nothing(root: Path) -> None:
    (root / "seed.sql").write_text(SEED + "\n-- Wrong:\ninsert into nobody values (1);\n")
    with pytest.raises(FirstlightError) as caught:
        seed(root, "seed.sql")
    assert str(caught.value) == (
        "seed.sql:10: This statement fails on `DB`: no such table: nobody: SQLITE_ERROR.\n"
        "  Hint: Mend it; nothing of the file was run. `--reset` begins with empty databases."
    )
    assert names(root) == []


def test_migration_that_fails_is_told_as_such(root: Path) -> None:
    (root / "migrations/0002.sql").write_text("create nonsense;")
    with pytest.raises(FirstlightError, match=r"`DB`: migration `migrations/0002.sql` failed"):
        seed(root, "seed.sql")


@pytest.mark.parametrize(
    ("wrangler", "text", "told"),
    [
        (
            "",
            "seed.sql",
            "There is no D1 database to run seed.sql on.\n  Hint: Declare one in wrangler.toml.",
        ),
        (
            "A,B",
            "seed.sql",
            "There are several D1 databases: `A`, `B`.\n"
            "  Hint: Name one, as in `--seed A=seed.sql`.",
        ),
        (
            "USERS",
            "USER=seed.sql",
            "There is no D1 database `USER`; wrangler.toml declares `USERS`.\n"
            "  Hint: Did you mean `USERS`?",
        ),
        (
            "A",
            "XYZ=seed.sql",
            "There is no D1 database `XYZ`; wrangler.toml declares `A`.\n"
            "  Hint: Name one that is declared.",
        ),
        ("A", "no.sql", "no.sql: The file cannot be read: No such file or directory."),
    ],
)
def test_seed_without_a_database_or_file_is_an_error(
    root: Path, wrangler: str, text: str, told: str
) -> None:
    bindings = [name for name in wrangler.split(",") if name]
    (root / "wrangler.toml").write_text("".join(map(DATABASE.format, bindings)))
    with pytest.raises(FirstlightError) as caught:
        seed(root, text)
    assert str(caught.value) == told


def test_reset_begins_anew_unless_a_server_uses_the_data(root: Path) -> None:
    seed(root, "seed.sql")
    with data_in_use(root), data_in_use(root):
        with pytest.raises(FirstlightError) as caught:
            reset(root)
        assert str(caught.value) == (
            "Another server uses the data in `.firstlight/state/`.\n  Hint: Stop it, then reset."
        )
    assert has_data(root)
    reset(root)
    assert not has_data(root)
    reset(root)


def test_reset_where_nobody_can_be_asked_says_what_to_add(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / ".firstlight/state/kv").mkdir(parents=True, exist_ok=True)
    (root / ".firstlight/state/kv/kept").write_text("x")
    monkeypatch.chdir(root)
    told = CliRunner().invoke(main, ["dev", "--reset"])
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr == "Nobody can be asked here.\n  Hint: Add `--yes`.\n"
    assert (root / ".firstlight/state/kv/kept").exists()
