package account

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"time"

	"pushd/internal/codec"

	"github.com/golang-jwt/jwt/v5"
)

// ErrExpired is in the chain of Verify's error when a token was right in every
// respect but its time.
var ErrExpired = errors.New("token expired")

// ErrRevoked is in the chain of the error for a token that was right in every
// respect, until it was revoked.
var ErrRevoked = errors.New("token revoked")

// defaultMaxToken is the longest token that is checked, in bytes.
const defaultMaxToken = 8 << 10

// VerifierOptions say which tokens are accepted. Key or JWKS is required; with
// both, both count.
type VerifierOptions struct {
	Key       string           // as ParseKey takes it: HMAC secret, PEM or JWK
	KeyID     string           // id of Key; "" for a key without one, unless a JWK names its own
	JWKS      *KeySet          // of ParseJWKS
	Algorithm string           // the only one accepted; "" for that of each key
	Issuer    string           // iss must be this; "" for any or none (RFC 7519 section 4.1.1)
	Audience  string           // aud must be or hold this; "" for any or none (section 4.1.3)
	Leeway    time.Duration    // how wrong clocks may be, for exp and nbf
	Now       func() time.Time // time.Now when nil
	MaxToken  int              // in bytes; 8 KiB when 0
	// AllowNoExpiry accepts tokens without exp. They are refused otherwise,
	// since nothing but a new key ever ends them.
	AllowNoExpiry bool
}

// Verifier checks user tokens: signed JWTs (RFC 7519) in compact form (RFC 7515
// section 7.1). It is safe for concurrent use.
type Verifier struct {
	maxToken  int
	leeway    time.Duration
	algorithm string
	parser    *jwt.Parser

	keys atomic.Pointer[KeySet]
}

// NewVerifier makes a verifier. Errors are about the configuration.
func NewVerifier(o VerifierOptions) (*Verifier, error) {
	if o.Leeway < 0 || o.MaxToken < 0 {
		return nil, errors.New("leeway and longest token can't be negative")
	}
	var keys []Key
	if o.Key != "" {
		k, err := ParseKey(o.KeyID, o.Algorithm, o.Key)
		if err != nil {
			return nil, fmt.Errorf("token key: %w", err)
		}
		keys = append(keys, k)
	}
	if o.JWKS != nil {
		keys = append(keys, o.JWKS.keys...)
	}
	set, err := NewKeySet(keys...)
	if err != nil {
		return nil, fmt.Errorf("token keys: %w", err)
	}
	if err := codec.Prepare(reflect.TypeFor[jwt.RegisteredClaims](), nil); err != nil {
		return nil, err
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods([]string{HS256, RS256, ES256, EdDSA}),
		jwt.WithStrictDecoding(),
		jwt.WithLeeway(o.Leeway),
		jwt.WithTimeFunc(now),
	}
	if !o.AllowNoExpiry {
		options = append(options, jwt.WithExpirationRequired())
	}
	if o.Issuer != "" {
		options = append(options, jwt.WithIssuer(o.Issuer))
	}
	if o.Audience != "" {
		options = append(options, jwt.WithAudience(o.Audience))
	}
	v := &Verifier{maxToken: o.MaxToken, leeway: o.Leeway, algorithm: o.Algorithm, parser: jwt.NewParser(options...)}
	if v.maxToken == 0 {
		v.maxToken = defaultMaxToken
	}
	if err := v.SetKeys(set); err != nil {
		return nil, err
	}
	return v, nil
}

// SetKeys replaces all keys at once, those of the options included, without
// disturbing a Verify that is under way. When the set has no key for the
// configured algorithm, the error says so and the old keys stay.
func (v *Verifier) SetKeys(keys *KeySet) error {
	if v.algorithm != "" {
		var fit []Key
		for _, k := range keys.keys {
			if k.algorithm == v.algorithm {
				fit = append(fit, k)
			}
		}
		if len(fit) == 0 {
			return fmt.Errorf("token keys: none is good for %s", clip(v.algorithm))
		}
		keys = &KeySet{keys: fit}
	}
	v.keys.Store(keys)
	return nil
}

// Claims is what a token says.
type Claims struct {
	User string // sub (RFC 7519 section 4.1.2)
	// Expires is from when on Verify refuses the token: exp (section 4.1.4) and
	// the leeway. Zero: never.
	Expires time.Time
	// ID is jti (section 4.1.7), "" when there is none or it is longer than 64 bytes.
	ID string
	// Issued is iat (section 4.1.6), zero when there is none.
	Issued time.Time
}

const maxTokenID = 64

// Verify checks a token. Every refusal is a *codec.Error with code 401 and the
// message "token refused", or, when nothing else is wrong, "token expired" with
// ErrExpired in its chain. errors.Unwrap gives the cause for the log; it never
// holds the token. Too long a token costs nothing; no signature is computed for
// one whose header names no key of ours.
func (v *Verifier) Verify(token string) (Claims, error) {
	if len(token) > v.maxToken {
		return Claims{}, refuse(fmt.Errorf("the token has %d bytes, more than %d", len(token), v.maxToken))
	}
	if strings.Count(token, ".") != 2 {
		return Claims{}, refuse(errors.New("not three parts with dots between them"))
	}
	var c jwtClaims
	_, err := v.parser.ParseWithClaims(token, &c, v.keyOf)
	expired := onlyExpired(err)
	if err != nil && !expired {
		return Claims{}, refuse(err)
	}
	if err := ValidUserID(c.Subject); err != nil {
		return Claims{}, refuse(errors.New("sub is not a user id"))
	}
	if expired {
		return Claims{}, &codec.Error{Code: codec.CodeUnauthorized, Msg: "token expired", Cause: ErrExpired}
	}
	result := Claims{User: c.Subject}
	if len(c.ID) <= maxTokenID {
		result.ID = c.ID
	}
	if c.IssuedAt != nil {
		result.Issued = c.IssuedAt.Time
	}
	if c.ExpiresAt == nil {
		return result, nil
	}
	// The number may be beyond what times can be compared and printed.
	if c.ExpiresAt.Year() > 9999 {
		return Claims{}, refuse(errors.New("exp is after the year 9999"))
	}
	result.Expires = c.ExpiresAt.Add(v.leeway)
	return result, nil
}

// jwtClaims are decoded under the rules of codec. encoding/json would take a claim
// "Sub", which an issuer may let users choose, for sub.
type jwtClaims struct{ jwt.RegisteredClaims }

func (c *jwtClaims) UnmarshalJSON(b []byte) error {
	return codec.DecodeData(b, &c.RegisteredClaims)
}

// keyOf finds the key that a token's header asks for.
func (v *Verifier) keyOf(t *jwt.Token) (any, error) {
	// Extensions that must be understood, and we know none (RFC 7515 section 4.1.11).
	if _, ok := t.Header["crit"]; ok {
		return nil, errors.New("the header has crit")
	}
	keys := v.keys.Load()
	kid, named := t.Header["kid"]
	id, ok := kid.(string)
	if named && !ok {
		return nil, errors.New("kid is not a string")
	}
	algorithm := t.Method.Alg()
	if !named {
		if len(keys.keys) != 1 {
			return nil, fmt.Errorf("no kid, and there are %d keys", len(keys.keys))
		}
		id = keys.keys[0].id
	}
	k, ok := keys.find(id, algorithm)
	if !ok || named && id == "" {
		return nil, fmt.Errorf("no %s key has the id %q", algorithm, clip(id))
	}
	return k.verify, nil
}

// onlyExpired reports whether the signature was good and exp is the one claim
// that is not.
func onlyExpired(err error) bool {
	if !errors.Is(err, jwt.ErrTokenExpired) {
		return false
	}
	for _, other := range []error{
		jwt.ErrTokenNotValidYet, jwt.ErrTokenInvalidIssuer, jwt.ErrTokenInvalidAudience, jwt.ErrTokenRequiredClaimMissing,
	} {
		if errors.Is(err, other) {
			return false
		}
	}
	return true
}

func refuse(cause error) *codec.Error {
	return &codec.Error{Code: codec.CodeUnauthorized, Msg: "token refused", Cause: cause}
}
