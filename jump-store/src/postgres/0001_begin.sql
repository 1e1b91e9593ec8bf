-- `body` is the whole object as JSON; the columns beside it are what others refer to, what must be unique and what is
-- searched by. Ids are never reused: `ids` keeps the last one of each kind. The same tables as SQLite's, where
-- PostgreSQL has no better type. Text is compared byte by byte, whatever the database's language.

-- `stamp` is another with each commit: with it, what a broker remembers is told from another history with the same
-- revision, such as one that was restored from a backup.
CREATE TABLE meta (
    one INT4 PRIMARY KEY CHECK (one = 1),
    revision INT8 NOT NULL,
    stamp TEXT NOT NULL
);
INSERT INTO meta (one, revision, stamp) VALUES (1, 0, gen_random_uuid()::text);

CREATE TABLE ids (
    kind TEXT COLLATE "C" PRIMARY KEY,
    last INT4 NOT NULL
);
INSERT INTO ids (kind, last) VALUES ('role', 4);

CREATE TABLE site (
    one INT4 PRIMARY KEY CHECK (one = 1),
    body TEXT COLLATE "C" NOT NULL
);

CREATE TABLE roles (
    id INT4 PRIMARY KEY,
    name_lower TEXT COLLATE "C" NOT NULL UNIQUE,
    body TEXT COLLATE "C" NOT NULL
);

CREATE TABLE session_policies (
    id INT4 PRIMARY KEY,
    name_lower TEXT COLLATE "C" NOT NULL UNIQUE,
    body TEXT COLLATE "C" NOT NULL
);

CREATE TABLE users (
    id INT4 PRIMARY KEY,
    name_lower TEXT COLLATE "C" NOT NULL UNIQUE,
    body TEXT COLLATE "C" NOT NULL
);

CREATE TABLE teams (
    id INT4 PRIMARY KEY,
    name_lower TEXT COLLATE "C" NOT NULL UNIQUE,
    body TEXT COLLATE "C" NOT NULL
);

CREATE TABLE team_members (
    user_id INT4 NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    team_id INT4 NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, team_id)
);
CREATE INDEX members_by_team ON team_members (team_id);

CREATE TABLE policies (
    id INT4 PRIMARY KEY,
    name_lower TEXT COLLATE "C" NOT NULL UNIQUE,
    body TEXT COLLATE "C" NOT NULL
);

CREATE TABLE groups (
    id INT4 PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    body TEXT COLLATE "C" NOT NULL
);

CREATE TABLE jumpoints (
    id INT4 PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    key BYTEA UNIQUE,
    body TEXT COLLATE "C" NOT NULL
);

CREATE TABLE group_policies (
    id INT4 PRIMARY KEY,
    name_lower TEXT COLLATE "C" NOT NULL UNIQUE,
    body TEXT COLLATE "C" NOT NULL
);

CREATE TABLE group_policy_members (
    user_id INT4 NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    policy_id INT4 NOT NULL REFERENCES group_policies (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, policy_id)
);
CREATE INDEX members_by_group_policy ON group_policy_members (policy_id);

CREATE TABLE items (
    id INT4 PRIMARY KEY,
    group_id INT4 REFERENCES groups (id) ON DELETE CASCADE,
    owner_id INT4 REFERENCES users (id) ON DELETE CASCADE,
    jumpoint_id INT4 REFERENCES jumpoints (id) ON DELETE CASCADE,
    method TEXT COLLATE "C" NOT NULL,
    name_lower TEXT COLLATE "C" NOT NULL,
    host_lower TEXT COLLATE "C" NOT NULL,
    tag_lower TEXT COLLATE "C" NOT NULL,
    comments_lower TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    CHECK ((group_id IS NULL) <> (owner_id IS NULL))
);
-- Listings are in the order of names; what is found is found without the rows themselves.
CREATE UNIQUE INDEX items_in_groups ON items (group_id, name_lower) INCLUDE (id) WHERE group_id IS NOT NULL;
CREATE UNIQUE INDEX items_on_lists ON items (owner_id, name_lower) INCLUDE (id) WHERE owner_id IS NOT NULL;
CREATE INDEX items_behind_jumpoints ON items (jumpoint_id, name_lower, id);
CREATE INDEX items_by_name ON items (name_lower, id) INCLUDE (group_id, owner_id, jumpoint_id, method, host_lower, tag_lower);
CREATE INDEX items_by_host ON items (host_lower, name_lower, id);
CREATE INDEX items_by_tag ON items (tag_lower, name_lower, id);

CREATE TABLE memberships (
    user_id INT4 NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_id INT4 NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    role_id INT4,
    policy_id INT4,
    PRIMARY KEY (user_id, group_id)
);
CREATE INDEX memberships_by_group ON memberships (group_id);

CREATE TABLE jumpoint_grants (
    user_id INT4 NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    jumpoint_id INT4 NOT NULL REFERENCES jumpoints (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, jumpoint_id)
);
CREATE INDEX jumpoint_grants_by_jumpoint ON jumpoint_grants (jumpoint_id);

CREATE TABLE logins (
    id INT4 PRIMARY KEY,
    user_id INT4 NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key BYTEA NOT NULL UNIQUE,
    body TEXT COLLATE "C" NOT NULL
);
CREATE INDEX logins_by_user ON logins (user_id);

CREATE TABLE approvals (
    id INT4 PRIMARY KEY,
    item_id INT4 NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    requester_id INT4 NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    policy_id INT4 NOT NULL REFERENCES policies (id) ON DELETE CASCADE,
    body TEXT COLLATE "C" NOT NULL
);
CREATE INDEX approvals_by_item ON approvals (item_id);
CREATE INDEX approvals_by_requester ON approvals (requester_id);
CREATE INDEX approvals_by_policy ON approvals (policy_id);

-- Times are nanoseconds since 1970 in UTC, which PostgreSQL's own type does not hold.
CREATE TABLE tokens (
    hash BYTEA PRIMARY KEY,
    expires INT8 NOT NULL,
    used_at INT8,
    body TEXT COLLATE "C" NOT NULL
);

-- Sessions outlive what they were on: no reference holds them.
CREATE TABLE sessions (
    id BYTEA PRIMARY KEY,
    started INT8 NOT NULL,
    active BOOL NOT NULL,
    body TEXT COLLATE "C" NOT NULL
);
CREATE INDEX sessions_by_start ON sessions (started DESC, id);
CREATE INDEX active_sessions_by_start ON sessions (started DESC, id) WHERE active;
