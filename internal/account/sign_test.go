package account_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"

	"github.com/golang-jwt/jwt/v5"
)

// TestSignAndVerify goes through every algorithm and every form of a key.
func TestSignAndVerify(t *testing.T) {
	for algorithm, p := range pairs() {
		forms := map[string][2]string{
			"PEM":              {p.private, p.public},
			"JWK":              {p.privateJWK, with(p.publicJWK, nil)},
			"the same private": {p.private, p.private},
		}
		for form, text := range forms {
			t.Run(algorithm+" "+form, func(t *testing.T) {
				s, err := account.NewSigner(account.SignerOptions{Key: text[0], KeyID: "k1", Algorithm: algorithm, Issuer: "i", Audience: "a"})
				if err != nil {
					t.Fatal(err)
				}
				token, err := s.Sign("alice", time.Hour, now)
				if err != nil {
					t.Fatal(err)
				}
				v := verifier(t, account.VerifierOptions{Key: text[1], KeyID: "k1", Algorithm: algorithm, Issuer: "i", Audience: "a"})
				c, err := v.Verify(token)
				if err != nil || c.User != "alice" || !c.Expires.Equal(now.Add(time.Hour)) {
					t.Errorf("got %+v, %v", c, errors.Unwrap(err))
				}
				var claims jwt.RegisteredClaims
				parsed, _, err := jwt.NewParser().ParseUnverified(token, &claims)
				if err != nil || parsed.Header["kid"] != "k1" || parsed.Header["alg"] != algorithm || !claims.IssuedAt.Equal(now) {
					t.Errorf("header %v, claims %+v, %v", parsed.Header, claims, err)
				}
				// One bit of the signature.
				flip := []byte(token)
				flip[len(flip)-10] ^= 1
				if _, err := v.Verify(string(flip)); err == nil {
					t.Error("a changed signature passed")
				}
			})
		}
	}
}

func TestSignRefuses(t *testing.T) {
	s, err := account.NewSigner(account.SignerOptions{Key: secret})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sign("", time.Hour, now); codec.AsError(err).Code != codec.CodeMalformed {
		t.Errorf("no user: %v", err)
	}
	for _, ttl := range []time.Duration{0, -time.Hour, time.Millisecond} {
		if _, err := s.Sign("alice", ttl, now); err == nil {
			t.Errorf("ttl %v passed", ttl)
		}
	}
	if token, err := s.Sign("alice", time.Hour, now); err != nil || strings.Count(token, ".") != 2 {
		t.Errorf("%q, %v", token, err)
	}
	for name, o := range map[string]account.SignerOptions{
		"no key":          {},
		"public key":      {Key: pairs()[account.RS256].public},
		"public JWK":      {Key: with(pairs()[account.EdDSA].publicJWK, nil)},
		"other algorithm": {Key: pairs()[account.ES256].private, Algorithm: account.RS256},
	} {
		if _, err := account.NewSigner(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
