-- +goose Up
-- Times are Unix milliseconds. Conversations are joined by number, as their keys are long.

CREATE TABLE users (
    id        TEXT PRIMARY KEY,
    name      TEXT    NOT NULL DEFAULT '',
    avatar    TEXT    NOT NULL DEFAULT '',
    extra     TEXT    NOT NULL DEFAULT '',
    hash      TEXT    NOT NULL DEFAULT '',
    bot       BOOLEAN NOT NULL DEFAULT FALSE,
    disabled  BOOLEAN NOT NULL DEFAULT FALSE,
    external  BOOLEAN NOT NULL DEFAULT FALSE,
    created   BIGINT  NOT NULL,
    last_seen BIGINT  NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE grants (
    id       TEXT PRIMARY KEY,
    "user"   TEXT   NOT NULL,
    device   TEXT   NOT NULL DEFAULT '',
    platform TEXT   NOT NULL DEFAULT '',
    address  TEXT   NOT NULL DEFAULT '',
    hash     BLOB   NOT NULL,
    previous BLOB,
    created  BIGINT NOT NULL,
    used     BIGINT NOT NULL,
    expires  BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX grants_user ON grants ("user", id);
CREATE INDEX grants_expires ON grants (expires);

CREATE TABLE revocations (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    grant_id TEXT   NOT NULL DEFAULT '',
    "user"   TEXT   NOT NULL,
    before   BIGINT NOT NULL,
    expires  BIGINT NOT NULL
);
CREATE INDEX revocations_expires ON revocations (expires);

CREATE TABLE conversations (
    id        INTEGER PRIMARY KEY,
    key       TEXT   NOT NULL UNIQUE,
    max_seq   BIGINT NOT NULL DEFAULT 0,
    rev       BIGINT NOT NULL DEFAULT 0,
    last_time BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE members (
    conversation INTEGER NOT NULL,
    "user"       TEXT    NOT NULL,
    role         INTEGER NOT NULL DEFAULT 1,
    join_seq     BIGINT  NOT NULL DEFAULT 0,
    read_seq     BIGINT  NOT NULL DEFAULT 0,
    sent_seq     BIGINT  NOT NULL DEFAULT 0, -- their own last message
    hidden_seq   BIGINT  NOT NULL DEFAULT 0, -- off their list until max_seq reaches it
    muted_until  BIGINT  NOT NULL DEFAULT 0,
    remark       TEXT    NOT NULL DEFAULT '',
    since        BIGINT  NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation, "user")
) WITHOUT ROWID;
CREATE INDEX members_user ON members ("user", conversation);

CREATE TABLE messages (
    conversation INTEGER NOT NULL,
    seq          BIGINT  NOT NULL,
    id           TEXT    NOT NULL,
    sender       TEXT    NOT NULL,
    client_id    TEXT,
    time         BIGINT  NOT NULL,
    type         TEXT    NOT NULL,
    body         TEXT    NOT NULL, -- JSON of chat.Body without its type
    mention      TEXT    NOT NULL DEFAULT '', -- JSON array, or empty
    one_device   BOOLEAN NOT NULL DEFAULT FALSE,
    expires      BIGINT  NOT NULL DEFAULT 0,
    edited       BIGINT  NOT NULL DEFAULT 0,
    rev          BIGINT  NOT NULL DEFAULT 0, -- the conversation's when it last changed; 0 is never
    PRIMARY KEY (conversation, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX messages_id ON messages (id);
CREATE UNIQUE INDEX messages_client ON messages (sender, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX messages_rev ON messages (conversation, rev) WHERE rev > 0;
CREATE INDEX messages_expires ON messages (expires) WHERE expires > 0;

-- Whom a message mentions; "*" is everybody.
CREATE TABLE mentions (
    conversation INTEGER NOT NULL,
    "user"       TEXT   NOT NULL,
    seq          BIGINT NOT NULL,
    PRIMARY KEY (conversation, "user", seq)
) WITHOUT ROWID;

CREATE TABLE versions (
    message TEXT   NOT NULL,
    version BIGINT NOT NULL,
    type    TEXT   NOT NULL,
    body    TEXT   NOT NULL,
    time    BIGINT NOT NULL,
    PRIMARY KEY (message, version)
) WITHOUT ROWID;

CREATE TABLE reactions (
    conversation INTEGER NOT NULL,
    seq          BIGINT  NOT NULL,
    sign         TEXT    NOT NULL,
    "user"       TEXT    NOT NULL,
    time         BIGINT  NOT NULL,
    PRIMARY KEY (conversation, seq, sign, "user")
) WITHOUT ROWID;

CREATE TABLE hidden (
    conversation INTEGER NOT NULL,
    "user"       TEXT    NOT NULL,
    seq          BIGINT  NOT NULL,
    PRIMARY KEY (conversation, "user", seq)
) WITHOUT ROWID;

CREATE TABLE devices (
    conversation INTEGER NOT NULL,
    "user"       TEXT    NOT NULL,
    device       TEXT    NOT NULL,
    delivered    BIGINT  NOT NULL,
    PRIMARY KEY (conversation, "user", device)
) WITHOUT ROWID;

CREATE TABLE groups (
    id           TEXT PRIMARY KEY,
    conversation INTEGER NOT NULL,
    name         TEXT    NOT NULL DEFAULT '',
    notice       TEXT    NOT NULL DEFAULT '',
    avatar       TEXT    NOT NULL DEFAULT '',
    owner        TEXT    NOT NULL DEFAULT '',
    join_mode    TEXT    NOT NULL,
    muted        BOOLEAN NOT NULL DEFAULT FALSE,
    members      INTEGER NOT NULL DEFAULT 0,
    member_limit INTEGER NOT NULL,
    created      BIGINT  NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX groups_conversation ON groups (conversation);
CREATE INDEX groups_owner ON groups (owner);

CREATE TABLE join_requests (
    group_id TEXT   NOT NULL,
    "user"   TEXT   NOT NULL,
    text     TEXT   NOT NULL DEFAULT '',
    time     BIGINT NOT NULL,
    PRIMARY KEY (group_id, "user")
) WITHOUT ROWID;
CREATE INDEX join_requests_user ON join_requests ("user");

CREATE TABLE friends (
    "user"  TEXT    NOT NULL,
    other   TEXT    NOT NULL,
    state   TEXT    NOT NULL,
    remark  TEXT    NOT NULL DEFAULT '',
    text    TEXT    NOT NULL DEFAULT '',
    blocked BOOLEAN NOT NULL DEFAULT FALSE,
    since   BIGINT  NOT NULL,
    PRIMARY KEY ("user", other)
) WITHOUT ROWID;
CREATE INDEX friends_other ON friends (other);

-- What users uploaded; the bytes are elsewhere, under the id. state: 0 uploading, its size
-- is what is reserved; 1 whole; 2 condemned, to be erased.
CREATE TABLE files (
    id       TEXT PRIMARY KEY,
    owner    TEXT     NOT NULL, -- empty once the user is deleted
    name     TEXT     NOT NULL,
    type     TEXT     NOT NULL,
    size     BIGINT   NOT NULL,
    width    INTEGER  NOT NULL DEFAULT 0,
    height   INTEGER  NOT NULL DEFAULT 0,
    duration INTEGER  NOT NULL DEFAULT 0,
    thumb    TEXT     NOT NULL DEFAULT '',
    state    SMALLINT NOT NULL DEFAULT 0,
    attached BOOLEAN  NOT NULL DEFAULT FALSE,
    created  BIGINT   NOT NULL
) WITHOUT ROWID;
CREATE INDEX files_owner ON files (owner, id);
CREATE INDEX files_loose ON files (created) WHERE state <> 1 OR NOT attached;

-- Bytes that count for a user's quota.
CREATE TABLE file_usage (
    "user" TEXT PRIMARY KEY,
    bytes  BIGINT NOT NULL
) WITHOUT ROWID;

-- Which conversations may read a file, by key: it is linked before the first message makes the conversation.
CREATE TABLE file_links (
    file TEXT NOT NULL,
    conv TEXT NOT NULL,
    PRIMARY KEY (file, conv)
) WITHOUT ROWID;

CREATE TABLE push_tokens (
    "user"   TEXT   NOT NULL,
    device   TEXT   NOT NULL,
    provider TEXT   NOT NULL,
    platform TEXT   NOT NULL,
    token    TEXT   NOT NULL,
    time     BIGINT NOT NULL,
    PRIMARY KEY ("user", device)
) WITHOUT ROWID;
CREATE UNIQUE INDEX push_tokens_token ON push_tokens (provider, token);

-- Words of messages, which the server cuts: see words.go. The row's number is the
-- conversation's and the seq, made one. It has no copy of the text.
CREATE VIRTUAL TABLE words USING fts5 (text, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii');
