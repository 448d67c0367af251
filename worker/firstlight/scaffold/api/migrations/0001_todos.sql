create table todos (
  id integer primary key,
  text text not null,
  done integer not null default 0 check (done in (0, 1)),
  created_at text not null default (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
