-- The last commits, as their changes: what another broker of the site needs to follow without reading the site anew.
-- `before` and `stamp` are the stamps of the versions that a commit began with and made. Where `body` is NULL there was too
-- much to keep.
CREATE TABLE recent_changes (
    revision INT8 PRIMARY KEY,
    before TEXT NOT NULL,
    stamp TEXT NOT NULL,
    body TEXT COLLATE "C"
);
