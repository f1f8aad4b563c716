package account_test

import (
	"encoding/json"
	"testing"

	"pushd/internal/account"
	"pushd/internal/codec"
)

// FuzzParseJWKS: keys that are accepted make a verifier, and nothing of an oct
// key's secret gets into what is said about the others.
func FuzzParseJWKS(f *testing.F) {
	for _, p := range pairs() {
		f.Add([]byte(`{"keys":[` + with(p.publicJWK, map[string]string{"kid": "a"}) + `,` + p.privateJWK + `]}`))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := account.ParseJWKS(data)
		if err != nil {
			return
		}
		if n := len(set.Keys()); n < 1 || n > 64 {
			t.Fatalf("%d keys", n)
		}
		v, err := account.NewVerifier(account.VerifierOptions{JWKS: set})
		if err != nil {
			t.Fatalf("accepted, but: %v", err)
		}
		if _, err := v.Verify("e30.e30.e30"); err == nil {
			t.Fatal("an empty token passed")
		}
		for _, k := range set.Keys() {
			switch k.Algorithm() {
			case account.HS256, account.RS256, account.ES256, account.EdDSA:
			default:
				t.Fatalf("algorithm %q", k.Algorithm())
			}
		}
	})
}

// FuzzPlatID reads PlatId as a login has it. encoding/json must read the same.
func FuzzPlatID(f *testing.F) {
	for _, s := range []string{`"1"`, `1`, `"web"`, `null`, `1.0`, `"\u0031"`} {
		f.Add([]byte(s))
	}
	platforms, err := account.NewPlatforms(nil)
	check(err)
	f.Fuzz(func(t *testing.T, value []byte) {
		var id account.PlatID
		if err := id.UnmarshalJSON(value); err != nil && codec.AsError(err).Code != codec.CodeMalformed {
			t.Fatalf("refused with %v", err)
		}
		if !json.Valid(value) {
			return // it might end the member and begin another
		}
		text := []byte(`{"PlatId":` + string(value) + `}`)
		var ours, std platIDHolder
		if err := codec.DecodeData(text, &ours); err != nil {
			return
		}
		if err := json.Unmarshal(text, &std); err != nil || std != ours {
			t.Fatalf("we read %q, encoding/json %q (%v)", ours.ID, std.ID, err)
		}
		if n, err := platforms.Parse(string(ours.ID)); err == nil && (n < account.Web || n > account.Server) {
			t.Fatalf("%q is platform %d", ours.ID, n)
		}
	})
}

// FuzzVerify: no text is a token unless we sealed it.
func FuzzVerify(f *testing.F) {
	v := verifier(f, account.VerifierOptions{Key: secret, KeyID: "h1"})
	f.Add(seal("another secret that is long enough", `{"sub":"alice","exp":9999999999}`))
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		_, err := v.Verify(token)
		if e := codec.AsError(err); e == nil || e.Code != codec.CodeUnauthorized || e.Msg != "token refused" {
			t.Fatalf("got %v", err)
		}
	})
}
