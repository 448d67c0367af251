"""SQL in the site's code, checked against its migrations."""
# ruff: noqa: S608 - these strings are Python that holds SQL

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

import pytest

from firstlight.build.bindings import site_trees
from firstlight.build.config import Config, load_config
from firstlight.build.scan import scan
from firstlight.build.sql_check import sql_errors
from firstlight.build.wrangler import load_wrangler
from firstlight.dev.dev_site import DevSite
from firstlight.errors import ConfigError
from firstlight.request import Request
from firstlight.server.asgi import HostPlatform

if TYPE_CHECKING:
    from conftest import Failures, WriteSite

TOML = (
    '[[d1_databases]]\nbinding = "DB"\nmigrations_dir = "pages/_migrations"\n'
    '[[d1_databases]]\nbinding = "OTHER"\n[[kv_namespaces]]\nbinding = "CACHE"\n'
)
MIGRATION = """\
-- People; who they are.
create table users (id integer primary key, name text not null, email text unique);
create view names as select name from users;
create trigger shout after insert on users begin
  update users set name = upper(new.name) where id = new.id;
end;
pragma foreign_keys = off;
begin transaction;
insert into users (name) values ('a;b');
commit
"""
SECOND = "alter table users add column age integer"
DB = "from bindings.cloudflare import D1, KV\n\nDB = D1('DB')\n\n\nasync def GET(ctx):\n"
DIALECT = "\n  Hint: Mend the statement: D1 speaks SQLite's dialect."
COUNT_HINT = "\n  Hint: Give one value for each placeholder; `?1` used twice counts once."


def check(write_site: WriteSite, code: str, file: str = "pages/a.py", **files: str) -> list[str]:
    site = {
        "wrangler.toml": TOML,
        "pages/_migrations/0001_users.sql": MIGRATION,
        "pages/_migrations/0002_age.sql": SECOND,
        "pages/index.html": "",
        file: code,
    }
    root = write_site(site | files)
    found = scan(root, Config())
    assert found.errors == []
    return [str(error) for error in sql_errors(found, list(site_trees(found)), load_wrangler(root))]


@pytest.mark.parametrize(
    "body",
    [
        "await DB.first('select * from users where id = ?', 1)",
        "await DB.all('select name, age from users', into=dict)",
        "await DB.run('insert into users (name, email) values (?1, ?1)', ctx)",
        "await DB.run('insert into users (name, email) values (:a, @b)', 1, 2)",
        "await DB.run('update users set age = ? returning id;  -- all', *ctx)",
        "await DB.prepare('select ?').bind(1).first()",
        "await DB.batch([DB.prepare('select ?')])",
        "x = DB.prepare('select ?, ?')\n    await x.bind(1, *ctx).all()",
        "await DB.first('select \"nope\" as text from names')",
        "await DB.first('select no_such_function(name) from users')",
        "await DB.first('select * from json_each(?)', '[]')",
        "await DB.first('select * from no_such_function(?)', '[]')",
        "await DB.first('select * from sqlite_stat1')",
        "await DB.first('select name from d1_migrations')",
        "await DB.first('pragma table_info(nope)')",
        "await DB.first('explain query plan select 1 from users')",
        "await DB.run('create table if not exists users (id)')",
        "await DB.first('select 1; select 2 from nope')",
        "await DB.first(f'select * from {ctx}')",
        "await DB.first('select * from ' + 'nope')",
        "await DB.first('select * from nope where a = %s' % 1)",
        "await DB.first(ctx, 1)",
        "await DB.first()",
        "await DB.first(1)",
        "await KV('DB').get('select * from nope')",
        "await KV('CACHE').all('select * from nope')",
        "await D1('OTHER').all('select * from nope')",
        "DB = ctx\n    await DB.first('select * from nope')",
        "for DB in ctx:\n        await DB.first('select * from nope')",
        "sql = 'select * from nope'\n    if ctx:\n        sql = 'select 1'\n    await DB.run(sql)",
        "global DB\n    DB = ctx\n    await DB.first('select * from nope')",
        "[DB.first('select * from nope') for DB in ctx]",
        "await DB.first('select\\0')",
        "await DB.first('select \\ud800')",
        "await DB.prepare('select ?').name.first('x')",
        "await D1().first('select * from nope')",
        "await D1(ctx).first('select * from nope')",
        "await D1.first('select * from nope')",
        "x = D1\n    await x('DB').first('select * from nope')",
        "match ctx:\n        case {'a': 1, **DB}:\n            DB.first('select * from nope')",
        "try:\n        pass\n    except OSError as DB:\n        DB.first('select * from nope')",
    ],
)
def test_sql_that_may_well_work_is_left_alone(write_site: WriteSite, body: str) -> None:
    assert check(write_site, f"{DB}    {body}\n") == []


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (
            "await DB.first('select * from user')",
            ["7: No migration of `DB` makes the table `user`.\n  Hint: Did you mean `users`?"],
        ),
        (
            "await DB.first('select * from zzz')",
            ["7: No migration of `DB` makes the table `zzz`.\n  Hint: Tables: names, users."],
        ),
        (
            "await DB.all('select u.nam from users u')",
            ["7: No table of this statement has the column `u.nam`.\n  Hint: Did you mean `name`?"],
        ),
        (
            "await DB.all('''\n  select id,\n    zzz\n  from users''')",
            [
                "9: No table of this statement has the column `zzz`.\n"
                "  Hint: Columns: id, name, email, age."
            ],
        ),
        (
            "await DB.run('insert into users (nam) values (?)', 1)",
            ["7: No table of this statement has the column `nam`.\n  Hint: Did you mean `name`?"],
        ),
        (
            "await DB.run('selec 1')",
            ['7: D1 cannot run this SQL: near "selec": syntax error.' + DIALECT],
        ),
        ("await DB.raw('')", ["7: D1 cannot run this SQL: incomplete input." + DIALECT]),
        (
            "await DB.run('insert into users (name, age) values (?)', 1)",
            ["7: D1 cannot run this SQL: 1 values for 2 columns." + DIALECT],
        ),
        (
            "await DB.first('select * from users where id = ?')",
            [f"7: The SQL has 1 placeholder and gets 0 values.{COUNT_HINT}"],
        ),
        (
            "await DB.first('select ?1, ?1', 1, 2)",
            [f"7: The SQL has 1 placeholder and gets 2 values.{COUNT_HINT}"],
        ),
        (
            "await DB.prepare('select ?, ?').bind(1).first()",
            [f"7: The SQL has 2 placeholders and gets 1 value.{COUNT_HINT}"],
        ),
        (
            "await DB.prepare('select ?').all()",
            [f"7: The SQL has 1 placeholder and gets 0 values.{COUNT_HINT}"],
        ),
        (
            "x = DB.prepare('select 1')\n    await x.bind(1).all()",
            [f"8: The SQL has 0 placeholders and gets 1 value.{COUNT_HINT}"],
        ),
        (
            "await D1('DB').all('select * from nope')",
            ["7: No migration of `DB` makes the table `nope`.\n  Hint: Tables: names, users."],
        ),
        (
            "sql: str = 'select * from zzz'\n    db = D1('DB')\n    return await db.all(sql, 1)",
            ["7: No migration of `DB` makes the table `zzz`.\n  Hint: Tables: names, users."],
        ),
        (
            "class Users:\n        DB = 1\n        def all(self):\n"
            "            return DB.all('select * from zzz')",
            ["10: No migration of `DB` makes the table `zzz`.\n  Hint: Tables: names, users."],
        ),
        (
            "return lambda: DB.all('select * from zzz')",
            ["7: No migration of `DB` makes the table `zzz`.\n  Hint: Tables: names, users."],
        ),
    ],
)
def test_sql_that_cannot_work_is_told(write_site: WriteSite, body: str, errors: list[str]) -> None:
    assert check(write_site, f"{DB}    {body}\n") == [f"pages/a.py:{error}" for error in errors]


def test_sql_is_checked_in_pages_middleware_and_helpers(write_site: WriteSite) -> None:
    zzz = "await D1('DB').all('select * from zzz')\n"
    errors = check(
        write_site,
        f"---\nfrom bindings.cloudflare import D1\n\nx = {zzz}---\n",
        "pages/p.html",
        **{
            "pages/_lib/x.py": "from bindings.cloudflare import DB\nQ = 'select zzz from users'\n"
            "async def f():\n    return await DB.all(Q)\n",
            "pages/_middleware.py": "from bindings.cloudflare import D1 as Base\n"
            f"async def on_request(ctx, next):\n    {zzz.replace('D1', 'Base')}",
        },
    )
    assert [error.partition(" ")[0] for error in errors] == [
        "pages/p.html:4:",
        "pages/_lib/x.py:2:",
        "pages/_middleware.py:3:",
    ]


def test_tables_that_the_code_makes_are_known(write_site: WriteSite) -> None:
    make = "    await DB.script('create table if not exists logs (at text); select 1')\n"
    use = "    await DB.all('select at from logs')\n    await DB.all('select zap from logs')\n"
    assert check(write_site, f"{DB}{make}{use}") == [
        "pages/a.py:9: No table of this statement has the column `zap`.\n  Hint: Columns: at."
    ]
    alter = "    await DB.run('alter table users add column zip')\n"
    use = "    await DB.all('select zip, zap from users')\n"
    assert check(write_site, f"{DB}{alter}{use}") == [
        "pages/a.py:8: No table of this statement has the column `zap`.\n"
        "  Hint: Did you mean `zip`?"
    ]


@pytest.mark.parametrize(
    "make",
    [
        "f'create table {name} (id)'",
        "'create table ' + name",
        "'alter table users rename to people'",
    ],
)
def test_tables_whose_making_is_computed_leave_names_unchecked(
    write_site: WriteSite, make: str
) -> None:
    code = f"{DB}    await DB.run({make})\n    await DB.all('select * from people')\n"
    assert check(write_site, code) == []
    code += "    await DB.all('selec')\n"
    assert check(write_site, code) == [
        'pages/a.py:9: D1 cannot run this SQL: near "selec": syntax error.' + DIALECT
    ]


def test_docstring_about_tables_makes_none(write_site: WriteSite) -> None:
    code = f"{DB}    '''Create table upon table.'''\n    await DB.all('select * from zzz')\n"
    assert len(check(write_site, code)) == 1


@pytest.mark.parametrize(
    ("migration", "error"),
    [
        ("create table a (id);\n\ncreate tabel b;\n", '3: This migration fails: near "tabel"'),
        ("-- x\ncreate table users (id)", "2: This migration fails: table users already exists."),
        ("alter table users add name", "1: This migration fails: duplicate column name: name."),
        ("insert into nope values (1);", "1: This migration fails: no such table: nope."),
        ("insert into users (id) values (1)", "1: This migration fails: NOT NULL constraint"),
    ],
)
def test_broken_migration_is_told(write_site: WriteSite, migration: str, error: str) -> None:
    (told,) = check(write_site, "", "pages/_x.py", **{"pages/_migrations/0003.sql": migration})
    assert told.startswith(f"pages/_migrations/0003.sql:{error}")
    assert told.endswith(
        "Hint: Mend the statement; `wrangler d1 migrations apply` would stop here."
    )


def test_migration_that_only_d1_understands_leaves_its_database_unchecked(
    write_site: WriteSite,
) -> None:
    code = f"{DB}    await DB.all('select * from nope')\n"
    migration = "create virtual table texts using no_such_module(a)"
    assert check(write_site, code, **{"pages/_migrations/0003.sql": migration}) == []


def test_migrations_come_in_the_order_of_their_numbers(write_site: WriteSite) -> None:
    files = {
        "pages/_migrations/9_a.sql": "create table late (id)",
        "pages/_migrations/10_b.sql": "alter table late add column more",
    }
    assert check(write_site, f"{DB}    await DB.all('select more from late')\n", **files) == []


def test_migrations_may_make_what_wrangler_makes(write_site: WriteSite) -> None:
    files = {"pages/_migrations/0003.sql": "create table d1_migrations (id, name, extra)"}
    code = f"{DB}    await DB.all('select extra from d1_migrations')\n"
    assert check(write_site, code, **files) == []


def test_newer_syntax_than_the_hosts_is_left_alone(
    write_site: WriteSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = f"{DB}    await DB.all('select 1 frm users where 1_000')\n"
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 40, 1))
    assert check(write_site, code) == []
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 50, 0))
    assert len(check(write_site, code)) == 1


def test_build_fails_and_an_option_turns_the_check_off(failures: Failures) -> None:
    files = {
        "wrangler.toml": TOML,
        "pages/_migrations/0001.sql": MIGRATION,
        "pages/a.py": f"prerender = False\n{DB}    await DB.all('select * from zzz')\n",
        "pages/b.html": "{{ missing }}",
    }
    config = '[tool.firstlight]\nadapter = "cloudflare"\n'
    assert len(failures(files, config)) == 2
    (only,) = failures(files, f"{config}check_sql = false\n")
    assert only.startswith("pages/b.html:1")


def test_option_is_a_flag(write_site: WriteSite) -> None:
    root = write_site({"pyproject.toml": "[tool.firstlight]\ncheck_sql = 0\n"})
    with pytest.raises(ConfigError) as raised:
        load_config(root)
    assert str(raised.value) == (
        "pyproject.toml:2: `check_sql` cannot be `0`.\n  Hint: Write `true` or `false`."
    )


def test_dev_shows_the_error_on_the_files_own_page(write_site: WriteSite) -> None:
    config = '[tool.firstlight]\noutput = "server"\nadapter = "cloudflare"\n'
    root = write_site(
        {
            "pyproject.toml": config,
            "wrangler.toml": TOML,
            "pages/_migrations/0001.sql": MIGRATION,
            "pages/a.py": f"{DB}    await DB.all('select * from zzz')\n",
            "pages/b.html": "fine",
        }
    )
    site = DevSite(root)

    async def text(path: str) -> str:
        request = Request("GET", f"http://site.test{path}")
        return await (await site.handle(request, HostPlatform(None))).text()

    try:
        assert "makes the table <code>zzz</code>" in asyncio.run(text("/a"))
        assert asyncio.run(text("/b")) == "fine"
    finally:
        site.reload()
