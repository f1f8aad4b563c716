package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"pushd/internal/account"
	"pushd/internal/config"
)

// newVerifier makes the verifier of user tokens and what watches its keys. The
// key set is fetched once before it returns. The server runs every watcher's
// Run and waits for them when it stops. In open mode both are nil.
func newVerifier(ctx context.Context, cfg *config.Config, keys *config.Keys, log *slog.Logger) (*account.Verifier, []*keyWatcher, error) {
	if cfg.Auth.Mode == "open" {
		return nil, nil, nil
	}
	jwt := cfg.Auth.JWT
	sources := &keySources{id: jwt.ID, algorithm: jwt.Algorithm, log: log}
	var watchers []*keyWatcher
	if jwt.JWKS != "" {
		w := watchKeySet(jwt.JWKS, jwt.Refresh, sources.takeSet, log)
		if err := w.Load(ctx); err != nil {
			return nil, nil, fmt.Errorf("auth.jwt.jwks: %w", err)
		}
		watchers = append(watchers, w)
	}
	if keys.JWTFile != "" {
		w := watchKeyFile(keys.JWTFile, jwt.Refresh, sources.takeKey, log)
		if err := w.Load(ctx); err != nil {
			return nil, nil, fmt.Errorf("auth.jwt.key: %w", err)
		}
		watchers = append(watchers, w)
	} else if keys.JWT != "" {
		if err := sources.takeKey([]byte(keys.JWT)); err != nil {
			return nil, nil, fmt.Errorf("auth.jwt.key: %w", err)
		}
	}
	set, err := account.NewKeySet(sources.all()...)
	if err != nil {
		return nil, nil, fmt.Errorf("token keys: %w", err)
	}
	options := cfg.VerifierOptions()
	options.JWKS = set
	v, err := account.NewVerifier(options)
	if err != nil {
		return nil, nil, err
	}
	sources.connect(v)
	return v, watchers, nil
}

// keySources joins the keys of the two places that hold them, auth.jwt.key and
// auth.jwt.jwks, as each may change by itself.
type keySources struct {
	id, algorithm string // of auth.jwt.key
	log           *slog.Logger

	mu       sync.Mutex
	verifier *account.Verifier // nil until connect
	key      []account.Key     // none or one
	set      []account.Key
}

func (s *keySources) takeKey(text []byte) error {
	key, err := account.ParseKey(s.id, s.algorithm, string(text))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.replaceLocked([]account.Key{key}, s.set)
}

func (s *keySources) takeSet(text []byte) error {
	set, err := account.ParseJWKS(text)
	if err != nil {
		return err
	}
	for _, cause := range set.Ignored() {
		s.log.Warn("key of the set left out", slog.Any("error", cause))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.replaceLocked(s.key, set.Keys())
}

// replaceLocked keeps the new keys only when the verifier takes them.
func (s *keySources) replaceLocked(key, set []account.Key) error {
	if s.verifier != nil {
		joined, err := account.NewKeySet(append(append([]account.Key(nil), key...), set...)...)
		if err != nil {
			return err
		}
		if err := s.verifier.SetKeys(joined); err != nil {
			return err
		}
	}
	s.key, s.set = key, set
	return nil
}

func (s *keySources) all() []account.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(append([]account.Key(nil), s.key...), s.set...)
}

func (s *keySources) connect(v *account.Verifier) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verifier = v
}

// newAPIKeys makes the set of API keys. Short secrets are for development and
// for a listener that only this machine reaches.
func newAPIKeys(cfg *config.Config, keys *config.Keys) (*account.APIKeys, error) {
	set := make([]account.APIKey, len(keys.Admin))
	for i, key := range keys.Admin {
		scopes, err := account.ParseScopes(key.Scopes)
		if err != nil {
			return nil, fmt.Errorf("admin.keys: key %q: %w", key.Name, err)
		}
		set[i] = account.APIKey{
			Name:   key.Name,
			Secret: key.Secret.Reveal(),
			Scopes: scopes,
			Short:  cfg.ShortKeys(),
		}
	}
	return account.NewAPIKeys(set)
}
