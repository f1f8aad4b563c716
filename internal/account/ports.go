package account

import (
	"context"
	"encoding/json"
)

// User is one account.
type User struct {
	ID       string          `json:"id"`
	Name     string          `json:"name,omitempty"`
	Avatar   string          `json:"avatar,omitempty"` // URL
	Extra    json.RawMessage `json:"extra,omitempty"`  // whatever the site keeps with it: an object, at most 4 KiB
	Bot      bool            `json:"bot,omitempty"`
	Disabled bool            `json:"disabled,omitempty"`
	External bool            `json:"external,omitempty"` // vouched for by the site's own tokens; has no password
	Created  int64           `json:"created"`            // Unix milliseconds
	LastSeen int64           `json:"last_seen,omitempty"`
	Hash     string          `json:"-"` // of the password, PHC string format; "" for none
}

// Grant is one log-in of a user: what a refresh token stands for.
type Grant struct {
	ID       string `json:"id"` // ULID; access tokens carry it as jti
	User     string `json:"user"`
	Device   string `json:"device,omitempty"`
	Platform string `json:"platform,omitempty"`
	Address  string `json:"address,omitempty"`
	Hash     []byte `json:"-"`       // SHA-256 of the refresh token that is good now
	Previous []byte `json:"-"`       // of the one before: its use means that it was stolen
	Created  int64  `json:"created"` // Unix milliseconds
	Used     int64  `json:"used"`
	Expires  int64  `json:"expires"`
}

// Revocation makes access tokens worthless before they expire: of one grant, or
// of every grant of a user that is older.
type Revocation struct {
	ID      int64  // ascending as they are made
	Grant   string // "" for all grants of User
	User    string
	Before  int64 // Unix milliseconds: tokens issued at or before it
	Expires int64 // when the last token concerned has run out by itself
}

// UserChange names the fields to change; nil stays.
type UserChange struct {
	Name     *string          `json:"name,omitempty"`
	Avatar   *string          `json:"avatar,omitempty"`
	Extra    *json.RawMessage `json:"extra,omitempty"`
	Disabled *bool            `json:"disabled,omitempty"`
	Hash     *string          `json:"-"`
	OldHash  *string          `json:"-"` // change only while this is the hash: 409 otherwise
}

// Store keeps users and what they logged in with. Errors are *codec.Error: 404
// for what isn't there, 409 for what is there already, 503 (temporary) when the
// database can't answer now.
type Store interface {
	UserStore
	UserDirectory
	GrantStore
	RevocationStore
}

// UserStore is one account at a time.
type UserStore interface {
	// CreateUser is 409 when the id is taken.
	CreateUser(ctx context.Context, u User) error
	User(ctx context.Context, id string) (User, error)
	ChangeUser(ctx context.Context, id string, c UserChange) (User, error)
	// DeleteUser removes the account, its grants, friends and memberships. Its messages
	// stay in the conversations of others; a group that it owned goes to another of its
	// members.
	DeleteUser(ctx context.Context, id string) error
}

// UserDirectory is many accounts at a time.
type UserDirectory interface {
	// EnsureUsers creates those that are missing, as external users.
	EnsureUsers(ctx context.Context, ids []string, now int64) error
	// Users are those of the ids that exist, in no order.
	Users(ctx context.Context, ids []string) ([]User, error)
	// ListUsers is in ascending order of ids; prefix "" is all.
	ListUsers(ctx context.Context, prefix string, limit int, cursor string) (page []User, next string, err error)
	// SeenUsers moves LastSeen forward, never back.
	SeenUsers(ctx context.Context, lastSeen map[string]int64) error
}

// GrantStore is what users logged in with.
type GrantStore interface {
	CreateGrant(ctx context.Context, g Grant) error
	Grant(ctx context.Context, id string) (Grant, error)
	// RotateGrant replaces the old hash by the next, in one step; 409 when old is not
	// the present one.
	RotateGrant(ctx context.Context, id string, old, next []byte, now, expires int64) error
	// Grants of a user, newest first.
	Grants(ctx context.Context, user string) ([]Grant, error)
	DeleteGrants(ctx context.Context, user string, ids ...string) error // no ids: all
	// ExpireGrants removes grants, and revocations, that ran out before now, at most
	// limit of each.
	ExpireGrants(ctx context.Context, now int64, limit int) (int, error)
}

// RevocationStore is how nodes tell each other whose tokens are worth nothing.
type RevocationStore interface {
	// Revoke makes all of them in one step.
	Revoke(ctx context.Context, revoked ...Revocation) error
	// Revocations are those after an ID that have not expired, oldest first.
	Revocations(ctx context.Context, after, now int64) ([]Revocation, error)
}
