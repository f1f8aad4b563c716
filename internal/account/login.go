package account

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"pushd/internal/codec"
)

// Bounds of what a login says about the device, in bytes.
const (
	maxDevice       = 128
	maxPlatformName = 32
)

// LoginRequest is a user with a password.
type LoginRequest struct {
	User     string `json:"user"`
	Password string `json:"password"`
	// Device is what the client calls itself. One that nobody can guess also lets the
	// user log in while others guess at the password.
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
	if len(r.Password) > maxPassword || r.Password == "" {
		return Login{}, passwordLength()
	}
	if len(r.Device) > maxDevice || len(r.Platform) > maxPlatformName {
		return Login{}, codec.Errorf(codec.CodeMalformed,
			"device is at most %d and platform at most %d bytes long", maxDevice, maxPlatformName)
	}
	a, err := s.beginAttempt(ctx, id, r.User, r.Device)
	if err != nil {
		return Login{}, err
	}
	u, err := s.checkPassword(ctx, a, r.User, r.Password)
	if err != nil {
		return Login{}, err
	}
	g := Grant{User: u.ID, Device: r.Device, Platform: r.Platform}
	if id.Address.IsValid() {
		g.Address = id.Address.String()
	}
	login, err := s.createGrant(ctx, g)
	if err != nil {
		return Login{}, err
	}
	// Since the password was checked it may have been changed, or the account been
	// disabled. That ended the log-ins there were, and not this one, which is newer.
	present, err := s.store.User(ctx, u.ID)
	ok := err == nil && !present.Disabled
	if ok && present.Hash != u.Hash { // or another login brought the hash up to date
		ok, _, err = s.hasher.compare(ctx, present.Hash, r.Password)
	}
	if ok {
		return login, nil
	}
	if err == nil || codec.AsError(err).Code == codec.CodeNotFound {
		err = wrongCredentials()
	}
	grant, _, _ := strings.Cut(login.RefreshToken, ".")
	if ending := s.endGrants(ctx, u.ID, []string{grant}); ending != nil {
		return Login{}, ending
	}
	return Login{}, err
}

// beginAttempt asks the lockout, and when it refuses, asks again for a known device
// or address: only then do these have to be looked up.
func (s *Service) beginAttempt(ctx context.Context, id Identity, user, device string) (*attempt, error) {
	a, err := s.lockout.begin(user, id.Address, "", false)
	if err == nil {
		return a, nil
	}
	grants, dberr := s.store.Grants(ctx, user)
	if dberr != nil {
		return nil, err
	}
	address := id.Address.String()
	knownDevice := device != "" && slices.ContainsFunc(grants, func(g Grant) bool { return g.Device == device })
	knownAddress := slices.ContainsFunc(grants, func(g Grant) bool { return g.Address != "" && g.Address == address })
	switch {
	case knownDevice:
		return s.lockout.begin(user, id.Address, device, true)
	case knownAddress:
		return s.lockout.begin(user, id.Address, "", true)
	}
	return nil, err
}

// checkPassword compares a password with the user's. Its error tells nobody whether
// the user exists, unless the password was right.
func (s *Service) checkPassword(ctx context.Context, a *attempt, user, password string) (User, error) {
	u, err := s.store.User(ctx, user)
	if err != nil && codec.AsError(err).Code != codec.CodeNotFound {
		a.withdraw()
		return User{}, err
	}
	ok, outdated, err := s.hasher.compare(ctx, u.Hash, password)
	if err != nil {
		a.withdraw()
		return User{}, err
	}
	if !ok {
		return User{}, wrongCredentials()
	}
	a.succeed()
	if u.Disabled {
		return User{}, disabled()
	}
	if outdated {
		u.Hash = s.rehash(ctx, u, password)
	}
	return u, nil
}

// rehash stores a hash with the present parameters and returns the one that is
// stored then. An error is only logged: the old hash still serves.
func (s *Service) rehash(ctx context.Context, u User, password string) string {
	hash, err := s.hasher.hash(ctx, password)
	if err == nil {
		_, err = s.store.ChangeUser(ctx, u.ID, UserChange{Hash: &hash, OldHash: &u.Hash})
	}
	if err != nil {
		s.log.Warn("the hash of a password was not renewed; it is tried again at the next login", slog.String("user", u.ID), slog.Any("error", err))
		return u.Hash
	}
	return hash
}

// createGrant makes a log-in: a grant and its first tokens.
func (s *Service) createGrant(ctx context.Context, g Grant) (Login, error) {
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
	random := make([]byte, randomBytes)
	rand.Read(random) // never fails, by its documentation
	secret := s.seal(g.ID, random)
	g.Hash = refreshHash(secret)
	if err := s.store.CreateGrant(ctx, g); err != nil {
		return Login{}, err
	}
	s.seen.note(g.User, g.Used)
	return s.issueTokens(g, secret)
}

// makeRoom ends the log-ins that the user has not used for the longest time, when
// there are too many.
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

func (s *Service) issueTokens(g Grant, secret []byte) (Login, error) {
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

// refreshBytes is the length of a refresh token's secret. The first randomBytes of it
// can't be guessed; the others are a signature of them, by which a secret that was
// replaced is known for one of ours without having been stored.
const (
	refreshBytes = 32
	randomBytes  = 16
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
// stolen from: the log-in ends. The error is 401
// whatever is wrong with it.
func (s *Service) Refresh(ctx context.Context, _ Identity, r RefreshRequest) (Login, error) {
	refused := codec.Errorf(codec.CodeUnauthorized, "the refresh token is refused; log in again")
	id, text, _ := strings.Cut(r.RefreshToken, ".")
	secret, err := base64.RawURLEncoding.DecodeString(text)
	if _, ok := grantTime(id); err != nil || !ok || len(secret) != refreshBytes {
		return Login{}, refused
	}
	// The second round is for a request that another one with the same token overtook.
	for range 2 {
		g, err := s.store.Grant(ctx, id)
		switch {
		case err != nil && codec.AsError(err).Code == codec.CodeNotFound:
			return Login{}, refused
		case err != nil:
			return Login{}, err
		case g.Expires <= s.now():
			return Login{}, refused
		}
		next := s.nextSecret(g.ID, secret)
		switch hash := refreshHash(secret); {
		case hmac.Equal(hash, g.Hash):
			if err := s.requireActive(ctx, g.User); err != nil {
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
			return s.issueTokens(g, next)
		case !bytes.Equal(hash, g.Previous) && !hmac.Equal(secret, s.seal(g.ID, secret[:randomBytes])):
			return Login{}, refused
		case s.now()-g.Used <= refreshGrace.Milliseconds() && hmac.Equal(refreshHash(next), g.Hash):
			return s.issueTokens(g, next)
		}
		s.log.Warn("a refresh token was used twice: it is stolen, or a client doesn't keep the new one; the log-in is ended",
			slog.String("user", g.User), slog.String("grant", g.ID), slog.String("device", g.Device))
		if err := s.endGrants(ctx, g.User, []string{g.ID}); err != nil {
			return Login{}, err // the thief's log-in lives on: not as if all were settled
		}
		return Login{}, refused
	}
	return Login{}, codec.Errorf(codec.CodeUnavailable, "the refresh token is being used elsewhere; try again")
}

// nextSecret is what follows a secret. It takes our key to know it, and asking
// twice gives the same.
func (s *Service) nextSecret(grant string, secret []byte) []byte {
	h := hmac.New(sha256.New, s.guard.refresh)
	h.Write([]byte(grant))
	h.Write(secret)
	return s.seal(grant, h.Sum(nil)[:randomBytes])
}

// seal is the whole secret that begins with the random bytes. Making one takes our
// key.
func (s *Service) seal(grant string, random []byte) []byte {
	h := hmac.New(sha256.New, s.guard.refresh)
	h.Write([]byte("seal"))
	h.Write([]byte(grant))
	h.Write(random)
	return append(bytes.Clone(random), h.Sum(nil)[:refreshBytes-randomBytes]...)
}

// requireActive refuses users whose account is disabled or deleted.
func (s *Service) requireActive(ctx context.Context, user string) error {
	u, err := s.store.User(ctx, user)
	switch {
	case err != nil && codec.AsError(err).Code == codec.CodeNotFound:
		return accountDeleted()
	case err != nil:
		return err
	case u.Disabled:
		return disabled()
	}
	return nil
}
