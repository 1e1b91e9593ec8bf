-- Custom roles, policies, teams and approvals; items may be on a personal list and need no Jumpoint.

INSERT INTO ids (kind, last) VALUES ('role', 4) ON CONFLICT (kind) DO NOTHING;

CREATE TABLE site (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    body TEXT NOT NULL
) STRICT;

CREATE TABLE roles (
    id INTEGER PRIMARY KEY,
    name_lower TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE policies (
    id INTEGER PRIMARY KEY,
    name_lower TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE session_policies (
    id INTEGER PRIMARY KEY,
    name_lower TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE group_policies (
    id INTEGER PRIMARY KEY,
    name_lower TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE teams (
    id INTEGER PRIMARY KEY,
    name_lower TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL
) STRICT;

ALTER TABLE memberships ADD COLUMN policy_id INTEGER;

ALTER TABLE items RENAME TO items_before;
CREATE TABLE items (
    id INTEGER PRIMARY KEY,
    group_id INTEGER REFERENCES groups (id) ON DELETE CASCADE,
    owner_id INTEGER REFERENCES users (id) ON DELETE CASCADE,
    jumpoint_id INTEGER REFERENCES jumpoints (id) ON DELETE CASCADE,
    name_lower TEXT NOT NULL,
    host_lower TEXT NOT NULL,
    tag_lower TEXT NOT NULL,
    body TEXT NOT NULL,
    CHECK ((group_id IS NULL) <> (owner_id IS NULL))
) STRICT;
INSERT INTO items (id, group_id, owner_id, jumpoint_id, name_lower, host_lower, tag_lower, body)
    SELECT id, group_id, NULL, jumpoint_id, name_lower,
        lower(coalesce(json_extract(body, '$.hostname'), '')), lower(coalesce(json_extract(body, '$.tag'), '')), body
    FROM items_before;
DROP TABLE items_before;
CREATE UNIQUE INDEX items_in_groups ON items (group_id, name_lower) WHERE group_id IS NOT NULL;
CREATE UNIQUE INDEX items_on_lists ON items (owner_id, name_lower) WHERE owner_id IS NOT NULL;
CREATE INDEX items_behind_jumpoints ON items (jumpoint_id);

CREATE TABLE approvals (
    id INTEGER PRIMARY KEY,
    item_id INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    requester_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    policy_id INTEGER NOT NULL REFERENCES policies (id) ON DELETE CASCADE,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX approvals_by_item ON approvals (item_id);
CREATE INDEX approvals_by_requester ON approvals (requester_id);
CREATE INDEX approvals_by_policy ON approvals (policy_id);
