package account_test

import (
	"strings"
	"testing"
	"time"

	"pushd/internal/account"

	"github.com/golang-jwt/jwt/v5"
)

func BenchmarkVerify(b *testing.B) {
	for _, algorithm := range []string{account.HS256, account.RS256, account.ES256, account.EdDSA} {
		b.Run(algorithm, func(b *testing.B) {
			p := pairs()[algorithm]
			s, err := account.NewSigner(account.SignerOptions{Key: p.private, KeyID: "k"})
			check(err)
			token, err := s.Sign("alice", time.Hour, now)
			check(err)
			v := verifier(b, account.VerifierOptions{Key: p.public, KeyID: "k"})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerifyRefuses is what a bad token costs us, by how far it gets.
func BenchmarkVerifyRefuses(b *testing.B) {
	v := verifier(b, account.VerifierOptions{Key: pairs()[account.RS256].public, KeyID: "k"})
	changed := []byte(forge(jwt.SigningMethodRS256, pairs()[account.RS256].signer, map[string]any{"kid": "k"}, good(nil)))
	changed[len(changed)-20] ^= 1
	for _, in := range []struct{ name, token string }{
		{"a megabyte of dots", strings.Repeat(".", 1<<20)},
		{"8 KiB of dots", strings.Repeat(".", 8<<10)},
		{"unknown kid", forge(jwt.SigningMethodHS256, []byte(secret), map[string]any{"kid": "x"}, good(nil))},
		{"deep header", strings.Repeat("W1tb", 1000) + "..e30"},
		{"wrong signature", string(changed)},
	} {
		b.Run(in.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(in.token); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	keys, err := account.NewAPIKeys([]account.APIKey{
		{Name: "shop", Secret: pushSecret, Scopes: account.ScopePush}, {Name: "ops", Secret: adminSecret, Scopes: account.ScopeAdmin},
	})
	check(err)
	header := []byte("Bearer " + adminSecret)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := keys.Authenticate(header); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParsePlatform(b *testing.B) {
	p, err := account.NewPlatforms(nil)
	check(err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Parse("mini-program"); err != nil {
			b.Fatal(err)
		}
	}
}
