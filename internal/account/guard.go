package account

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// Tokens checks a user's token. The error is a *codec.Error with code 401.
type Tokens interface {
	Verify(token string) (Claims, error)
}

// Guard checks tokens: our own, made by Service, and those of an issuer outside,
// both as long as they were not revoked. Its methods may be called from any
// goroutine.
type Guard struct {
	// Immutable.
	own      *Verifier
	signer   *Signer
	refresh  []byte // key of what refresh tokens are made with
	external Tokens // nil when only our own count
	now      func() time.Time

	mu     sync.RWMutex
	grants map[string]int64       // revoked grants: when the last of their tokens has run out, Unix milliseconds
	users  map[string]userRevoked // users whose older tokens are all revoked
}

type userRevoked struct{ before, expires int64 } // Unix milliseconds

// ownIssuer is what our own tokens carry as iss, and their key's id.
const ownIssuer = "pushd"

// minKey is how long the secret of a Guard is at least, in bytes.
const minKey = 32

// NewGuard makes a guard. The key is the secret that our own tokens are made
// with, of at least 32 bytes, the same on every node. external may be nil; now is
// time.Now if nil.
func NewGuard(key string, external Tokens, now func() time.Time) (*Guard, error) {
	if len(key) < minKey {
		return nil, fmt.Errorf("the key of accounts has %d bytes and needs at least %d; leave it empty to have one made", len(key), minKey)
	}
	if now == nil {
		now = time.Now
	}
	// Each purpose has a key of its own, so that neither what is signed for the one
	// nor a token that the same secret signed elsewhere means anything for the other.
	access := hex.EncodeToString(derive(key, "pushd access token"))
	own, err := NewVerifier(VerifierOptions{
		Key: access, KeyID: ownIssuer, Algorithm: HS256, Issuer: ownIssuer, Now: now,
	})
	if err != nil {
		return nil, err
	}
	signer, err := NewSigner(SignerOptions{Key: access, KeyID: ownIssuer, Algorithm: HS256, Issuer: ownIssuer})
	if err != nil {
		return nil, err
	}
	return &Guard{
		own: own, signer: signer, refresh: derive(key, "pushd refresh token"), external: external, now: now,
		grants: map[string]int64{}, users: map[string]userRevoked{},
	}, nil
}

func derive(key, purpose string) []byte {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(purpose))
	return h.Sum(nil)
}

// Verify implements Tokens. Claims.ID is the grant of a token of our own, and ""
// for any other.
func (g *Guard) Verify(token string) (Claims, error) {
	c, err := g.own.Verify(token)
	switch {
	case err == nil:
		at, ok := grantTime(c.ID)
		if !ok {
			return Claims{}, refuse(errors.New("jti is no grant"))
		}
		c.Issued = at
	case g.external == nil || errors.Is(err, ErrExpired):
		return Claims{}, err
	default:
		if c, err = g.external.Verify(token); err != nil {
			return Claims{}, err
		}
		c.ID = ""
	}
	if err := g.Recheck(c); err != nil {
		return Claims{}, err
	}
	return c, nil
}

// Recheck tells whether claims that Verify gave were revoked meanwhile: a
// *codec.Error with code 401, and ErrRevoked in its chain. It takes no time.
func (g *Guard) Recheck(c Claims) error {
	issued := c.Issued
	if at, ok := grantTime(c.ID); ok {
		issued = at
	}
	g.mu.RLock()
	_, revoked := g.grants[c.ID]
	ofUser, userRevoked := g.users[c.User]
	g.mu.RUnlock()
	// A token that doesn't say when it was made may be as old as any.
	if revoked && c.ID != "" || userRevoked && (issued.IsZero() || issued.UnixMilli() <= ofUser.before) {
		return &codec.Error{Code: codec.CodeUnauthorized, Msg: "token revoked", Cause: ErrRevoked}
	}
	return nil
}

// Revoked is how many revocations are remembered.
func (g *Guard) Revoked() int {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return len(g.grants) + len(g.users)
}

// remember remembers a revocation; fresh is false when it was known.
func (g *Guard) remember(r Revocation) (fresh bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.Grant != "" {
		_, known := g.grants[r.Grant]
		g.grants[r.Grant] = max(g.grants[r.Grant], r.Expires)
		return !known
	}
	was, known := g.users[r.User]
	g.users[r.User] = userRevoked{max(was.before, r.Before), max(was.expires, r.Expires)}
	return !known || was.before < r.Before
}

// sweep forgets revocations whose tokens have all expired by themselves.
func (g *Guard) sweep() {
	now := g.now().UnixMilli()
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, expires := range g.grants {
		if expires <= now {
			delete(g.grants, id)
		}
	}
	for user, r := range g.users {
		if r.expires <= now {
			delete(g.users, user)
		}
	}
}

// after is the earliest time that a new grant of the user may have: now, or just
// after what was revoked, by whichever node's clock.
func (g *Guard) after(user string) int64 {
	now := g.now().UnixMilli()
	g.mu.RLock()
	defer g.mu.RUnlock()
	if r, ok := g.users[user]; ok {
		return max(now, r.before+1)
	}
	return now
}

// grantTime is when a grant was made, which its id tells.
func grantTime(id string) (time.Time, bool) {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return time.Time{}, false
	}
	return u.Timestamp(), true
}

// Admits tells whether l includes a session that logged in at a time with a token of a
// grant, "" for a token of the site.
func Admits(l *delivery.Login, grant string, since time.Time) bool {
	if l.Grant != "" {
		return grant == l.Grant
	}
	if at, ok := grantTime(grant); ok {
		return !at.After(l.GrantedUntil)
	}
	return !since.After(l.LoggedInUntil)
}

// OpenUsers believes what a client says of itself, as the open mode does: the token
// is the user's id, unless it is one that Guard made.
type OpenUsers struct{ Guard *Guard }

// Verify implements Tokens.
func (o OpenUsers) Verify(token string) (Claims, error) {
	if o.Guard != nil {
		c, err := o.Guard.Verify(token)
		if err == nil || errors.Is(err, ErrExpired) || errors.Is(err, ErrRevoked) {
			return c, err
		}
	}
	if err := ValidUserID(token); err != nil {
		return Claims{}, refuse(errors.New("neither a token nor a user id"))
	}
	return Claims{User: token, Issued: time.Now()}, nil
}
