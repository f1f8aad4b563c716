package account

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"pushd/internal/codec"
)

// Bounds of what a login says about the device, in bytes.
const (
	maxDevice   = 128
	maxPlatform = 32
)

// LoginRequest is a user with a password.
type LoginRequest struct {
	User     string `json:"user"`
	Password string `json:"password"`
	// Device is what the client calls itself; one that nobody can guess also keeps
	// the user's way in open while others guess his password.
	Device   string `json:"device,omitempty"`
	Platform string `json:"platform,omitempty"`
}

// Login is what logging in and refreshing give. Times are Unix milliseconds.
type Login struct {
	User           string `json:"user"`
	Token          string `json:"token"`
	Expires        int64  `json:"expires"`
	RefreshToken   string `json:"refresh_token"`
	RefreshExpires int64  `json:"refresh_expires"`
}

// Login gives tokens for a password. A user that isn't there and a wrong password
// get the same answer, 401, in the same time; too many wrong ones get 429. 503
// when too many passwords wait to be checked.
func (s *Service) Login(ctx context.Context, id Identity, r LoginRequest) (Login, error) {
	if err := ValidUserID(r.User); err != nil {
		return Login{}, err
	}
	if len(r.Password) > MaxPassword || r.Password == "" {
		return Login{}, codec.Errorf(codec.CodeMalformed, "a password has %d to %d bytes", MinPassword, MaxPassword)
	}
	if len(r.Device) > maxDevice || len(r.Platform) > maxPlatform {
		return Login{}, codec.Errorf(codec.CodeMalformed, "device is at most %d and platform at most %d bytes", maxDevice, maxPlatform)
	}
	a, err := s.attempt(ctx, id, r.User, r.Device)
	if err != nil {
		return Login{}, err
	}
	u, err := s.check(ctx, a, r.User, r.Password)
	if err != nil {
		return Login{}, err
	}
	g := Grant{User: u.ID, Device: r.Device, Platform: r.Platform}
	if id.Address.IsValid() {
		g.Address = id.Address.String()
	}
	made, err := s.grant(ctx, g)
	if err != nil {
		return Login{}, err
	}
	// Between the look at the password and now it may have been changed, or the
	// account been disabled: who did that ended what there was, and this is newer.
	now, err := s.store.User(ctx, u.ID)
	good := err == nil && !now.Disabled
	if good && now.Hash != u.Hash { // or another login brought it up to date
		good, _, err = s.hasher.verify(ctx, now.Hash, r.Password)
	}
	if good {
		return made, nil
	}
	if err == nil || codec.AsError(err).Code == codec.CodeNotFound {
		err = wrongCredentials()
	}
	grant, _, _ := strings.Cut(made.RefreshToken, ".")
	return Login{}, errors.Join(err, s.endGrants(ctx, u.ID, []string{grant}))
}

// attempt asks the lockout, and asks again as a known device or address when it
// refuses: only then do these have to be looked up.
func (s *Service) attempt(ctx context.Context, id Identity, user, device string) (*attempt, error) {
	a, err := s.lockout.begin(user, id.Address, "", false)
	if err == nil {
		return a, nil
	}
	grants, dberr := s.store.Grants(ctx, user)
	if dberr != nil {
		return nil, err
	}
	knownDevice := device != "" && slices.ContainsFunc(grants, func(g Grant) bool { return g.Device == device })
	knownAddress := slices.ContainsFunc(grants, func(g Grant) bool { return g.Address != "" && g.Address == id.Address.String() })
	switch {
	case knownDevice:
		return s.lockout.begin(user, id.Address, device, true)
	case knownAddress:
		return s.lockout.begin(user, id.Address, "", true)
	}
	return nil, err
}

// check looks at a password. Its error says nothing of whether the user exists,
// unless the password was right.
func (s *Service) check(ctx context.Context, a *attempt, user, password string) (User, error) {
	u, err := s.store.User(ctx, user)
	if err != nil && codec.AsError(err).Code != codec.CodeNotFound {
		a.void()
		return User{}, err
	}
	ok, outdated, err := s.hasher.verify(ctx, u.Hash, password)
	if err != nil {
		a.void()
		return User{}, err
	}
	if !ok {
		return User{}, wrongCredentials()
	}
	a.good()
	if u.Disabled {
		return User{}, disabled()
	}
	if outdated {
		u.Hash = s.rehash(ctx, u, password)
	}
	return u, nil
}

// rehash brings a hash up to the parameters of today, and returns the one that
// holds then. It can wait: an error is for the log.
func (s *Service) rehash(ctx context.Context, u User, password string) string {
	hash, err := s.hasher.hash(ctx, password)
	if err == nil {
		_, err = s.store.ChangeUser(ctx, u.ID, UserChange{Hash: &hash, OldHash: &u.Hash})
	}
	if err != nil {
		s.log.Warn("a password could not be hashed anew", slog.String("user", u.ID), slog.Any("error", err))
		return u.Hash
	}
	return hash
}

// grant makes a log-in: a grant and its first tokens.
func (s *Service) grant(ctx context.Context, g Grant) (Login, error) {
	if err := s.makeRoom(ctx, g.User); err != nil {
		return Login{}, err
	}
	at := s.guard.after(g.User)
	id, err := s.newID(at)
	if err != nil {
		return Login{}, err
	}
	g.ID, g.Created, g.Used = id, s.now(), s.now()
	g.Expires = g.Created + s.opts.RefreshTTL.Milliseconds()
	half := make([]byte, sealedBytes)
	rand.Read(half) // never fails, by its documentation
	secret := s.seal(g.ID, half)
	g.Hash = refreshHash(secret)
	if err := s.store.CreateGrant(ctx, g); err != nil {
		return Login{}, err
	}
	s.seen.note(g.User, g.Used)
	return s.tokens(g, secret)
}

// makeRoom ends the user's log-ins that were unused the longest when there are
// too many.
func (s *Service) makeRoom(ctx context.Context, user string) error {
	grants, err := s.store.Grants(ctx, user)
	if err != nil || len(grants) < s.opts.MaxDevices {
		return err
	}
	slices.SortFunc(grants, func(a, b Grant) int { return int(b.Used - a.Used) })
	var ids []string
	for _, g := range grants[s.opts.MaxDevices-1:] {
		ids = append(ids, g.ID)
	}
	return s.endGrants(ctx, user, ids)
}

func (s *Service) newID(at int64) (string, error) {
	s.idsMu.Lock()
	defer s.idsMu.Unlock()
	id, err := ulid.New(uint64(at), s.ids)
	return id.String(), err
}

func (s *Service) tokens(g Grant, secret []byte) (Login, error) {
	now := s.opts.Clock()
	token, err := s.guard.signer.SignGrant(g.User, g.ID, s.opts.TokenTTL, now)
	if err != nil {
		return Login{}, err
	}
	return Login{
		User: g.User, Token: token, Expires: now.Add(s.opts.TokenTTL).Truncate(time.Second).UnixMilli(),
		RefreshToken:   g.ID + "." + base64.RawURLEncoding.EncodeToString(secret),
		RefreshExpires: g.Expires,
	}, nil
}

// refreshBytes is the length of a refresh token's secret. The first sealedBytes are
// what nobody can guess; the others seal them, so that one that was replaced is
// known for one of ours without having been kept.
const (
	refreshBytes = 32
	sealedBytes  = 16
)

// refreshGrace is how long the refresh token before the last is still answered,
// with the same one that it was answered with before: the reply may have been
// lost, or two windows of one browser had the same idea.
const refreshGrace = 30 * time.Second

func refreshHash(secret []byte) []byte {
	h := sha256.Sum256(secret)
	return h[:]
}

// RefreshRequest is a client whose token runs out.
type RefreshRequest struct {
	RefreshToken string `json:"refresh_token"`
}

// Refresh gives new tokens for a refresh token, which it replaces. One that was
// replaced before, however often since, is a stolen one, or the one that it was
// stolen from: the log-in ends. The error is 401 whatever is wrong.
func (s *Service) Refresh(ctx context.Context, _ Identity, r RefreshRequest) (Login, error) {
	gone := codec.Errorf(codec.CodeUnauthorized, "refresh token refused; log in again")
	id, text, _ := strings.Cut(r.RefreshToken, ".")
	secret, err := base64.RawURLEncoding.DecodeString(text)
	if _, ok := grantTime(id); err != nil || !ok || len(secret) != refreshBytes {
		return Login{}, gone
	}
	// A second look is for who was overtaken by another with the same token.
	for range 2 {
		g, err := s.store.Grant(ctx, id)
		switch {
		case err != nil && codec.AsError(err).Code == codec.CodeNotFound:
			return Login{}, gone
		case err != nil:
			return Login{}, err
		case g.Expires <= s.now():
			return Login{}, gone
		}
		next := s.nextSecret(g.ID, secret)
		switch hash := refreshHash(secret); {
		case hmac.Equal(hash, g.Hash):
			if err := s.mayStay(ctx, g.User); err != nil {
				return Login{}, err
			}
			g.Used = s.now()
			g.Expires = g.Used + s.opts.RefreshTTL.Milliseconds()
			err := s.store.RotateGrant(ctx, g.ID, hash, refreshHash(next), g.Used, g.Expires)
			if err != nil && codec.AsError(err).Code == codec.CodeConflict {
				continue
			}
			if err != nil {
				return Login{}, err
			}
			s.seen.note(g.User, g.Used)
			return s.tokens(g, next)
		case !bytes.Equal(hash, g.Previous) && !hmac.Equal(secret, s.seal(g.ID, secret[:sealedBytes])):
			return Login{}, gone
		case s.now()-g.Used <= refreshGrace.Milliseconds() && hmac.Equal(refreshHash(next), g.Hash):
			return s.tokens(g, next)
		}
		s.log.Warn("a refresh token came twice: it was stolen, or a client doesn't keep the new one; the log-in was ended",
			slog.String("user", g.User), slog.String("grant", g.ID), slog.String("device", g.Device))
		return Login{}, errors.Join(gone, s.endGrants(ctx, g.User, []string{g.ID}))
	}
	return Login{}, codec.Errorf(codec.CodeUnavailable, "the refresh token is being used elsewhere; try again")
}

// nextSecret is what follows a secret. It takes our key to know it, and asking
// twice gives the same.
func (s *Service) nextSecret(grant string, secret []byte) []byte {
	h := hmac.New(sha256.New, s.guard.refresh)
	h.Write([]byte(grant))
	h.Write(secret)
	return s.seal(grant, h.Sum(nil)[:sealedBytes])
}

// seal is the whole secret that begins with half. Only who has our key can make one.
func (s *Service) seal(grant string, half []byte) []byte {
	h := hmac.New(sha256.New, s.guard.refresh)
	h.Write([]byte("seal"))
	h.Write([]byte(grant))
	h.Write(half)
	return append(bytes.Clone(half), h.Sum(nil)[:refreshBytes-sealedBytes]...)
}

// mayStay refuses users that are disabled or gone.
func (s *Service) mayStay(ctx context.Context, user string) error {
	u, err := s.store.User(ctx, user)
	switch {
	case err != nil && codec.AsError(err).Code == codec.CodeNotFound:
		return codec.Errorf(codec.CodeUnauthorized, "the account is gone")
	case err != nil:
		return err
	case u.Disabled:
		return disabled()
	}
	return nil
}
