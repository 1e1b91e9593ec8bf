-- What listing, searching and deciding read without loading the site: who is in which team and group policy, and what
-- items are found by. `folded` is a function of this library, for this step only: SQLite's `lower` knows ASCII only.

CREATE TABLE group_policy_members (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    policy_id INTEGER NOT NULL REFERENCES group_policies (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, policy_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_group_policy ON group_policy_members (policy_id);
INSERT INTO group_policy_members (user_id, policy_id)
    SELECT member.value, group_policies.id FROM group_policies, json_each(group_policies.body, '$.members') AS member;

CREATE TABLE team_members (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    team_id INTEGER NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, team_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_team ON team_members (team_id);
INSERT INTO team_members (user_id, team_id)
    SELECT CAST(member.key AS INTEGER), teams.id FROM teams, json_each(teams.body, '$.members') AS member;

-- Names are unique as the library folds them.
UPDATE users SET name_lower = folded(body ->> '$.name');
UPDATE roles SET name_lower = folded(body ->> '$.name');
UPDATE policies SET name_lower = folded(body ->> '$.name');
UPDATE session_policies SET name_lower = folded(body ->> '$.name');
UPDATE group_policies SET name_lower = folded(body ->> '$.name');
UPDATE teams SET name_lower = folded(body ->> '$.name');

-- `body` comes last, so that what is searched by is read without it.
CREATE TABLE items_next (
    id INTEGER PRIMARY KEY,
    group_id INTEGER REFERENCES groups (id) ON DELETE CASCADE,
    owner_id INTEGER REFERENCES users (id) ON DELETE CASCADE,
    jumpoint_id INTEGER REFERENCES jumpoints (id) ON DELETE CASCADE,
    method TEXT NOT NULL,
    name_lower TEXT NOT NULL,
    host_lower TEXT NOT NULL,
    tag_lower TEXT NOT NULL,
    comments_lower TEXT NOT NULL,
    body TEXT NOT NULL,
    CHECK ((group_id IS NULL) <> (owner_id IS NULL))
) STRICT;
INSERT INTO items_next (id, group_id, owner_id, jumpoint_id, method, name_lower, host_lower, tag_lower,
        comments_lower, body)
    SELECT id, group_id, owner_id, jumpoint_id, body ->> '$.details.type', folded(body ->> '$.name'),
        folded(body ->> '$.hostname'), folded(coalesce(body ->> '$.tag', '')),
        folded(coalesce(body ->> '$.comments', '')), body
    FROM items;
CREATE TABLE approvals_next (
    id INTEGER PRIMARY KEY,
    item_id INTEGER NOT NULL REFERENCES items_next (id) ON DELETE CASCADE,
    requester_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    policy_id INTEGER NOT NULL REFERENCES policies (id) ON DELETE CASCADE,
    body TEXT NOT NULL
) STRICT;
INSERT INTO approvals_next (id, item_id, requester_id, policy_id, body)
    SELECT id, item_id, requester_id, policy_id, body FROM approvals;
-- Renaming takes the reference along.
DROP TABLE approvals;
DROP TABLE items;
ALTER TABLE items_next RENAME TO items;
ALTER TABLE approvals_next RENAME TO approvals;

CREATE UNIQUE INDEX items_in_groups ON items (group_id, name_lower) WHERE group_id IS NOT NULL;
CREATE UNIQUE INDEX items_on_lists ON items (owner_id, name_lower) WHERE owner_id IS NOT NULL;
CREATE INDEX items_behind_jumpoints ON items (jumpoint_id, name_lower);
CREATE INDEX items_by_host ON items (host_lower, name_lower);
CREATE INDEX items_by_tag ON items (tag_lower, name_lower);
-- All that a search looks at, in the order of listings.
CREATE INDEX items_by_name ON items (name_lower, id, group_id, owner_id, jumpoint_id, method, host_lower, tag_lower,
    comments_lower);
CREATE INDEX approvals_by_item ON approvals (item_id);
CREATE INDEX approvals_by_requester ON approvals (requester_id);
CREATE INDEX approvals_by_policy ON approvals (policy_id);
