package account_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pushd/internal/account"
)

// TestParseJWKS verifies tokens of every algorithm with one set.
func TestParseJWKS(t *testing.T) {
	var members []string
	for algorithm, p := range pairs() {
		members = append(members, with(p.publicJWK, map[string]string{"kid": "id-" + algorithm, "use": "sig", "alg": algorithm, "x5t": "ignored"}))
	}
	set, err := account.ParseJWKS([]byte(`{"keys":[` + strings.Join(members, ",") + `],"other":1}`))
	if err != nil || len(set.Keys()) != 4 || len(set.Ignored()) != 0 {
		t.Fatalf("%v, ignored %v", err, set.Ignored())
	}
	v := verifier(t, account.VerifierOptions{JWKS: set})
	for algorithm, p := range pairs() {
		s, err := account.NewSigner(account.SignerOptions{Key: p.private, KeyID: "id-" + algorithm})
		check(err)
		token, err := s.Sign("alice", time.Hour, now)
		check(err)
		if _, err := v.Verify(token); err != nil {
			t.Errorf("%s: %v", algorithm, errors.Unwrap(err))
		}
	}
}

func TestParseJWKSIgnores(t *testing.T) {
	rs, es, ed, hs := pairs()[account.RS256].publicJWK, pairs()[account.ES256].publicJWK, pairs()[account.EdDSA].publicJWK, pairs()[account.HS256].publicJWK
	fine := with(ed, map[string]string{"kid": "fine"})
	for _, tt := range []struct{ name, jwk, why string }{
		{"for encryption", with(rs, map[string]string{"use": "enc"}), "its use"},
		{"for wrapping", `{"key_ops":["wrapKey"],` + with(rs, nil)[1:], "its operations"},
		{"unknown type", with(rs, map[string]string{"kty": "XYZ"}), "not supported"},
		{"unknown curve", with(es, map[string]string{"crv": "P-521"}), "not supported"},
		{"X25519", with(ed, map[string]string{"crv": "X25519"}), "not supported"},
		{"other algorithm", with(rs, map[string]string{"alg": "PS256"}), "its algorithm"},
		{"algorithm none", with(hs, map[string]string{"alg": "none"}), "its algorithm"},
		{"algorithm of another type", with(rs, map[string]string{"alg": "HS256"}), "its algorithm"},
		{"small modulus", with(rs, map[string]string{"n": "AQAB"}), "bits"},
		{"huge modulus", with(rs, map[string]string{"n": strings.Repeat("_", 100000)}), "bits"},
		{"no modulus", with(rs, map[string]string{"n": ""}), "bits"},
		{"even exponent", with(rs, map[string]string{"e": "Ag"}), "exponent"},
		{"exponent one", with(rs, map[string]string{"e": "AQ"}), "exponent"},
		{"huge exponent", with(rs, map[string]string{"e": "AQAAAAAB"}), "exponent"},
		{"point off the curve", with(es, map[string]string{"x": es["y"]}), "curve"},
		{"short coordinate", with(es, map[string]string{"x": "AQAB"}), "32 bytes"},
		{"short Ed25519 key", with(ed, map[string]string{"x": "AQAB"}), "32 bytes"},
		{"short secret", with(hs, map[string]string{"k": "AQAB"}), "32 bytes"},
		{"padding", with(hs, map[string]string{"k": hs["k"] + "="}), "base64url"},
		{"same id", fine, "another EdDSA key"},
		{"long id", with(ed, map[string]string{"kid": strings.Repeat("k", 257)}), "256"},
		{"not an object", `5`, "parse JWK"},
		{"kid a number", `{"kid":5,` + with(ed, nil)[1:], "parse JWK"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set, err := account.ParseJWKS([]byte(`{"keys":[` + fine + `,` + tt.jwk + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			if len(set.Keys()) != 1 || len(set.Ignored()) != 1 || !strings.Contains(set.Ignored()[0].Error(), tt.why) {
				t.Errorf("keys %v, ignored %v, want %q", set.Keys(), set.Ignored(), tt.why)
			}
			if _, err := account.ParseJWKS([]byte(`{"keys":[` + tt.jwk + `]}`)); err == nil && tt.name != "same id" {
				t.Error("a set without a usable key was accepted")
			}
		})
	}
}

func TestParseJWKSRefuses(t *testing.T) {
	hs := with(pairs()[account.HS256].publicJWK, nil)
	for name, text := range map[string]string{
		"empty": "", "not JSON": "keys", "array": "[]", "no keys": `{}`, "empty set": `{"keys":[]}`, "keys an object": `{"keys":{}}`,
		"trailing bytes": `{"keys":[` + hs + `]}x`,
		"too many keys":  `{"keys":[` + strings.Repeat(hs+",", 64) + hs + `]}`,
		"too long":       strings.Repeat(" ", 1<<20) + `{"keys":[` + hs + `]}`,
	} {
		if _, err := account.ParseJWKS([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestPrivateJWKMustFit(t *testing.T) {
	es, ed, rs := pairs()[account.ES256], pairs()[account.EdDSA], pairs()[account.RS256]
	other := b64([]byte(secret))
	for name, text := range map[string]string{
		"EC":           with(es.publicJWK, map[string]string{"d": other}),
		"EC zero":      with(es.publicJWK, map[string]string{"d": b64(make([]byte, 32))}),
		"Ed25519":      with(ed.publicJWK, map[string]string{"d": other}),
		"Ed25519 size": with(ed.publicJWK, map[string]string{"d": "AQAB"}),
		"RSA":          with(rs.publicJWK, map[string]string{"d": other, "p": other, "q": other}),
		"RSA, no p":    with(rs.publicJWK, map[string]string{"d": other}),
	} {
		if _, err := account.ParseKey("", "", text); err == nil || strings.Contains(err.Error(), other) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
