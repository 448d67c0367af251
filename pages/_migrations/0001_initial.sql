-- The guestbook and the notes of the demos. Times are UTC in ISO 8601.

create table guestbook (
  id integer primary key autoincrement,
  name text not null,
  message text not null,
  created_at text not null default (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) strict;

create table notes (
  id integer primary key autoincrement, -- a deleted note's URL is never another's
  text text not null,
  done integer not null default 0 check (done in (0, 1)),
  created_at text not null default (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) strict;
