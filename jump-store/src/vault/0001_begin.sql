-- Records mean nothing here: `body` is JSON whose secrets are encrypted, `tag` authenticates it.

CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO meta (one, revision) VALUES (1, 0);

CREATE TABLE records (
    kind TEXT NOT NULL,
    id INTEGER NOT NULL,
    body BLOB NOT NULL,
    tag BLOB NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
