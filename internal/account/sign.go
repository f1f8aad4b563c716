package account

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// SignerOptions say how tokens are made.
type SignerOptions struct {
	Key       string // as ParseKey takes it: HMAC secret, PEM private key or private JWK
	KeyID     string // becomes kid; "" for the id of a JWK, or none
	Algorithm string // must fit Key; "" for what Key is good for
	Issuer    string // becomes iss; "" for none
	Audience  string // becomes aud; "" for none
}

// Signer makes user tokens that a Verifier with the matching key accepts. It is
// safe for concurrent use.
type Signer struct {
	key              Key
	method           jwt.SigningMethod
	issuer, audience string
}

// NewSigner makes a signer. Errors are about the configuration.
func NewSigner(o SignerOptions) (*Signer, error) {
	k, err := ParseKey(o.KeyID, o.Algorithm, o.Key)
	if err != nil {
		return nil, fmt.Errorf("token key: %w", err)
	}
	if k.sign == nil {
		return nil, errors.New("token key: a public key can't sign")
	}
	return &Signer{key: k, method: jwt.GetSigningMethod(k.algorithm), issuer: o.Issuer, audience: o.Audience}, nil
}

// Sign returns a token for user (sub) that is valid from now (iat) for ttl (exp),
// both in whole seconds, at least one. A bad user id is a *codec.Error with code
// 400.
func (s *Signer) Sign(user string, ttl time.Duration, now time.Time) (string, error) {
	return s.SignGrant(user, "", ttl, now)
}

// SignGrant is Sign for a token of a grant, whose id it carries as jti.
func (s *Signer) SignGrant(user, grant string, ttl time.Duration, now time.Time) (string, error) {
	if err := ValidUserID(user); err != nil {
		return "", err
	}
	if ttl < time.Second {
		return "", fmt.Errorf("a token is valid for at least a second, not for %v", ttl)
	}
	claims := jwt.RegisteredClaims{
		Subject:   user,
		ID:        grant,
		Issuer:    s.issuer,
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(ttl)),
	}
	if s.audience != "" {
		claims.Audience = jwt.ClaimStrings{s.audience}
	}
	t := jwt.NewWithClaims(s.method, claims)
	if s.key.id != "" {
		t.Header["kid"] = s.key.id
	}
	signed, err := t.SignedString(s.key.sign)
	if err != nil {
		return "", fmt.Errorf("sign token with %v: %w", s.key, err)
	}
	return signed, nil
}
