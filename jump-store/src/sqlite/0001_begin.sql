-- `body` is the whole object as JSON; the columns beside it are what others refer to, what must be unique and what is
-- searched by. Ids are never reused: `ids` keeps the last one of each kind.

CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO meta (one, revision) VALUES (1, 0);

CREATE TABLE ids (
    kind TEXT PRIMARY KEY,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    name_lower TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE groups (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE jumpoints (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    key BLOB UNIQUE,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE items (
    id INTEGER PRIMARY KEY,
    group_id INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    jumpoint_id INTEGER NOT NULL REFERENCES jumpoints (id) ON DELETE CASCADE,
    name_lower TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (group_id, name_lower)
) STRICT;
CREATE INDEX items_by_jumpoint ON items (jumpoint_id);

CREATE TABLE memberships (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_id INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    role_id INTEGER,
    PRIMARY KEY (user_id, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_by_group ON memberships (group_id);

CREATE TABLE jumpoint_grants (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    jumpoint_id INTEGER NOT NULL REFERENCES jumpoints (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, jumpoint_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX jumpoint_grants_by_jumpoint ON jumpoint_grants (jumpoint_id);

CREATE TABLE logins (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key BLOB NOT NULL UNIQUE,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX logins_by_user ON logins (user_id);

-- Times are nanoseconds since 1970 in UTC.
CREATE TABLE tokens (
    hash BLOB PRIMARY KEY,
    expires INTEGER NOT NULL,
    used_at INTEGER,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Sessions outlive what they were on: no reference holds them.
CREATE TABLE sessions (
    id BLOB PRIMARY KEY,
    started INTEGER NOT NULL,
    active INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_by_start ON sessions (started DESC, id);
CREATE INDEX active_sessions_by_start ON sessions (started DESC, id) WHERE active = 1;
