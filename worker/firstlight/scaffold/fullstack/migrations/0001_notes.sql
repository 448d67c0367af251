create table notes (
  id integer primary key,
  text text not null,
  picture text,
  created_at text not null default (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
