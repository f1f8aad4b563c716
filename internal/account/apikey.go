package account

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"

	"pushd/internal/codec"
)

const (
	// minSecret is how long an API key's secret must be, in bytes.
	minSecret = 16
	// maxSecret bounds what a request can make us hash.
	maxSecret = 512
)

// APIKey lets a backend in. Neither fmt nor slog prints its secret.
type APIKey struct {
	Name   string // unique; appears in logs
	Secret string // visible ASCII without spaces, 16 to 512 bytes
	Scopes Scope
	// Short allows a Secret of any length above 0, for development.
	Short bool
}

// String returns the name and the scopes.
func (k APIKey) String() string { return k.Name + " (" + k.Scopes.String() + ")" }

// GoString is String, so that %#v keeps the secret too.
func (k APIKey) GoString() string { return k.String() }

// LogValue is String, for slog.
func (k APIKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// APIKeys is a set of API keys. It holds digests only and never changes.
type APIKeys struct {
	keys []digestedKey
}

type digestedKey struct {
	digest   [sha256.Size]byte
	identity Identity
}

// NewAPIKeys checks and takes the keys. An empty set refuses everybody. Errors
// name the key and never its secret.
func NewAPIKeys(keys []APIKey) (*APIKeys, error) {
	set := &APIKeys{}
	for _, k := range keys {
		least := minSecret
		if k.Short {
			least = 1
		}
		switch {
		case k.Name == "" || len(k.Name) > 64:
			return nil, fmt.Errorf("API key: a name is 1 to 64 bytes long")
		case k.Scopes == 0:
			return nil, fmt.Errorf("API key %q has no scope", k.Name)
		case len(k.Secret) < least || len(k.Secret) > maxSecret:
			return nil, fmt.Errorf("API key %q: a secret is %d to %d bytes long", k.Name, least, maxSecret)
		}
		for _, c := range []byte(k.Secret) {
			if c <= ' ' || c > '~' {
				return nil, fmt.Errorf("API key %q: a secret is visible ASCII without spaces", k.Name)
			}
		}
		add := digestedKey{sha256.Sum256([]byte(k.Secret)), Identity{Key: k.Name, Platform: Server, Scopes: k.Scopes}}
		for _, other := range set.keys {
			if other.identity.Key == k.Name {
				return nil, fmt.Errorf("two API keys are called %q", k.Name)
			}
			if other.digest == add.digest {
				return nil, fmt.Errorf("API keys %q and %q have the same secret", other.identity.Key, k.Name)
			}
		}
		set.keys = append(set.keys, add)
	}
	return set, nil
}

// Authenticate reads the value of an Authorization header, "Bearer <key>" (RFC
// 6750 section 2.1; the scheme in any case, RFC 9110 section 11.1). The time it
// takes does not depend on which key it is or how much of one was guessed. The
// error is a *codec.Error with code 401 that does not tell missing from wrong.
func (k *APIKeys) Authenticate(authorizationHeader []byte) (Identity, error) {
	const scheme = "Bearer "
	h := authorizationHeader
	if len(h) <= len(scheme) || !bytes.EqualFold(h[:len(scheme)], []byte(scheme)) {
		return Identity{}, errKeyRefused()
	}
	secret := bytes.Trim(h[len(scheme):], " ")
	if len(secret) == 0 || len(secret) > maxSecret {
		return Identity{}, errKeyRefused()
	}
	digest := sha256.Sum256(secret)
	found := -1
	for i := range k.keys {
		equal := subtle.ConstantTimeCompare(digest[:], k.keys[i].digest[:])
		found = subtle.ConstantTimeSelect(equal, i, found)
	}
	if found < 0 {
		return Identity{}, errKeyRefused()
	}
	return k.keys[found].identity, nil
}

func errKeyRefused() error {
	return codec.Errorf(codec.CodeUnauthorized, "the API key is missing or wrong")
}
