-- Which members a group has is counted by a revision that rises with each change of
-- them, so that whoever holds them in memory knows whether a change is in. It
-- outlives the group: another one may be made under the same id.

-- +goose Up
CREATE TABLE group_revisions (
    id       TEXT   PRIMARY KEY,
    revision BIGINT NOT NULL
);

-- +goose Down
DROP TABLE group_revisions;
