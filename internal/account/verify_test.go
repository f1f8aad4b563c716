package account_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"

	"github.com/golang-jwt/jwt/v5"
)

// checkRefusal: whatever is wrong, the client is told the same, the log is told
// why, and neither is told the token.
func checkRefusal(t *testing.T, token string, claims account.Claims, err error, cause string) {
	t.Helper()
	e, ok := errors.AsType[*codec.Error](err)
	if !ok || e.Code != codec.CodeUnauthorized || e.Msg != "token refused" || e.Temporary {
		t.Fatalf("got %v, want 401 token refused", err)
	}
	if errors.Is(err, account.ErrExpired) {
		t.Error("it counts as expired")
	}
	why := errors.Unwrap(err)
	if why == nil || !strings.Contains(why.Error(), cause) {
		t.Errorf("the cause is %v, want %q", why, cause)
	}
	if claims != (account.Claims{}) {
		t.Errorf("claims %+v", claims)
	}
	for _, part := range strings.Split(token, ".") {
		if len(part) > 10 && why != nil && strings.Contains(why.Error()+err.Error(), part) {
			t.Error("the error holds a part of the token")
		}
	}
	if why != nil && len(why.Error()) > 512 {
		t.Errorf("the cause is %d bytes long", len(why.Error()))
	}
}

func TestVerifyRefuses(t *testing.T) {
	hs, rs, es := pairs()[account.HS256], pairs()[account.RS256], pairs()[account.ES256]
	set, err := account.NewKeySet(key(t, "h1", "", hs.public), key(t, "r1", "", rs.public), key(t, "e1", "", es.public))
	if err != nil {
		t.Fatal(err)
	}
	v := verifier(t, account.VerifierOptions{JWKS: set, Issuer: "https://login.example", Audience: "pushd", Leeway: time.Minute})
	sign := func(header, changes map[string]any) string {
		if header == nil {
			header = map[string]any{"kid": "h1"}
		}
		return forge(jwt.SigningMethodHS256, []byte(secret), header, good(changes))
	}
	sealed := sign(nil, nil)
	if c, err := v.Verify(sealed); err != nil || c.User != "alice" || !c.Expires.Equal(now.Add(time.Hour+time.Minute)) {
		t.Fatalf("the good token: %+v, %v", c, errors.Unwrap(err))
	}
	parts := strings.Split(sealed, ".")
	enc := base64.RawURLEncoding.EncodeToString
	for _, tt := range []struct{ name, token, cause string }{
		{"empty", "", "three parts"},
		{"one part", parts[0], "three parts"},
		{"four parts", sealed + ".", "three parts"},
		{"a megabyte of dots", strings.Repeat(".", 1<<20), "more than 8192"},
		{"8192 dots", strings.Repeat(".", 8192), "three parts"},
		{"two dots", "..", "malformed"},
		{"one byte too long", strings.Repeat("a", 8193), "more than 8192"},
		{"not base64", "!" + sealed, "base64"},
		{"padding", parts[0] + "=." + parts[1] + "." + parts[2], "base64"},
		{"other spelling of the last bits", sealed[:len(sealed)-1] + string(sealed[len(sealed)-1]+1), "base64"},
		{"header is no object", enc([]byte(`[]`)) + "." + parts[1] + "." + parts[2], "header"},
		{"claims are no object", parts[0] + "." + enc([]byte(`[]`)) + "." + parts[2], "claim"},
		{"deep header", enc([]byte(strings.Repeat("[", 5000))) + ".e30.", "header"},

		{"alg none", forge(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, map[string]any{"kid": "h1"}, good(nil)), "signing method"},
		{"alg none, without kid", forge(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, good(nil)), "signing method"},
		{"alg None", enc([]byte(`{"alg":"None","kid":"h1"}`)) + "." + parts[1] + ".", "signing method"},
		{"alg missing", enc([]byte(`{"kid":"h1"}`)) + "." + parts[1] + "." + parts[2], "signing method"},
		{"alg a number", enc([]byte(`{"alg":5,"kid":"h1"}`)) + "." + parts[1] + "." + parts[2], "signing method"},
		{"alg HS512", forge(jwt.SigningMethodHS512, []byte(secret), map[string]any{"kid": "h1"}, good(nil)), "signing method"},
		{"RS key as an HMAC secret", forge(jwt.SigningMethodHS256, []byte(rs.public), map[string]any{"kid": "r1"}, good(nil)), `no HS256 key has the id "r1"`},
		{"ES key as an HMAC secret", forge(jwt.SigningMethodHS256, []byte(es.public), map[string]any{"kid": "e1"}, good(nil)), "no HS256 key"},
		{"RS key of another's id", forge(jwt.SigningMethodRS256, rs.signer, map[string]any{"kid": "h1"}, good(nil)), "no RS256 key"},
		{"PS256 with the RS key", forge(jwt.SigningMethodPS256, rs.signer, map[string]any{"kid": "r1"}, good(nil)), "signing method"},
		{"signature cut", parts[0] + "." + parts[1] + ".", "signature"},
		{"signature of other claims", parts[0] + "." + enc([]byte(`{"sub":"root","exp":9999999999}`)) + "." + parts[2], "signature"},
		{"another secret", forge(jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), map[string]any{"kid": "h1"}, good(nil)), "signature"},

		{"unknown kid", sign(map[string]any{"kid": "h2"}, nil), `no HS256 key has the id "h2"`},
		{"long kid", sign(map[string]any{"kid": strings.Repeat("k", 4000)}, nil), "no HS256 key"},
		{"empty kid", sign(map[string]any{"kid": ""}, nil), "no HS256 key"},
		{"kid a number", sign(map[string]any{"kid": 1}, nil), "kid is not a string"},
		{"no kid, several keys", sign(map[string]any{"kid2": "h1"}, nil), "no kid"},
		{"crit", sign(map[string]any{"kid": "h1", "crit": []string{"exp"}}, nil), "crit"},

		{"wrong issuer", sign(nil, map[string]any{"iss": "https://evil.example"}), "issuer"},
		{"no issuer", sign(nil, map[string]any{"iss": nil}), "iss"},
		{"wrong audience", sign(nil, map[string]any{"aud": "other"}), "audience"},
		{"wrong audiences", sign(nil, map[string]any{"aud": []string{"a", "b"}}), "audience"},
		{"no audience", sign(nil, map[string]any{"aud": nil}), "aud"},
		{"not yet valid", sign(nil, map[string]any{"nbf": now.Add(61 * time.Second).Unix()}), "not valid yet"},
		{"no exp", sign(nil, map[string]any{"exp": nil}), "exp"},
		{"exp null", seal(secret, `{"sub":"alice","iss":"https://login.example","aud":"pushd","exp":null}`), "exp"},
		{"exp text", sign(nil, map[string]any{"exp": "tomorrow"}), "claim"},
		{"exp far off", sign(nil, map[string]any{"exp": 1e15}), "9999"},
		{"no sub", sign(nil, map[string]any{"sub": nil}), "sub"},
		{"empty sub", sign(nil, map[string]any{"sub": ""}), "sub"},
		{"sub a number", sign(nil, map[string]any{"sub": 7}), "claim"},
		{"sub with a space", sign(nil, map[string]any{"sub": "al ice"}), "sub"},
		{"Sub is not sub", sign(nil, map[string]any{"sub": nil, "Sub": "root"}), "sub"},
		{"expired and wrong issuer", sign(nil, map[string]any{"exp": now.Add(-time.Hour).Unix(), "iss": "x"}), "issuer"},
		{"expired and no sub", sign(nil, map[string]any{"exp": now.Add(-time.Hour).Unix(), "sub": nil}), "sub"},
		{"expired and not yet valid", sign(nil, map[string]any{"exp": now.Add(-time.Hour).Unix(), "nbf": now.Add(time.Hour).Unix()}), "not valid yet"},
		{"expired with a wrong signature", forge(jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), map[string]any{"kid": "h1"},
			good(map[string]any{"exp": now.Add(-time.Hour).Unix()})), "signature"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := v.Verify(tt.token)
			checkRefusal(t, tt.token, c, err, tt.cause)
		})
	}
}

// seal signs claims given as JSON text.
func seal(secret, claims string) string {
	enc := base64.RawURLEncoding.EncodeToString
	text := enc([]byte(`{"alg":"HS256","kid":"h1"}`)) + "." + enc([]byte(claims))
	sig, err := jwt.SigningMethodHS256.Sign(text, []byte(secret))
	check(err)
	return text + "." + enc(sig)
}

func TestVerifyAccepts(t *testing.T) {
	v := verifier(t, account.VerifierOptions{Key: secret, KeyID: "h1", Issuer: "https://login.example", Audience: "pushd", Leeway: time.Minute})
	for _, tt := range []struct {
		name    string
		header  map[string]any
		changes map[string]any
		expires time.Time
	}{
		{"with kid", map[string]any{"kid": "h1"}, nil, now.Add(time.Hour + time.Minute)},
		{"without kid, one key", nil, nil, now.Add(time.Hour + time.Minute)},
		{"one of several audiences", nil, map[string]any{"aud": []string{"other", "pushd"}}, now.Add(time.Hour + time.Minute)},
		{"expired within the leeway", nil, map[string]any{"exp": now.Add(-59 * time.Second).Unix()}, now.Add(time.Second)},
		{"valid since now", nil, map[string]any{"nbf": now.Add(time.Minute).Unix()}, now.Add(time.Hour + time.Minute)},
		{"other claims", nil, map[string]any{"Sub": "root", "SUB": "root", "scope": "x", "deep": []any{map[string]any{"a": 1}}}, now.Add(time.Hour + time.Minute)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := v.Verify(forge(jwt.SigningMethodHS256, []byte(secret), tt.header, good(tt.changes)))
			if err != nil || c.User != "alice" || !c.Expires.Equal(tt.expires) {
				t.Errorf("got %+v, %v (%v)", c, err, errors.Unwrap(err))
			}
		})
	}
}

func TestVerifyExpired(t *testing.T) {
	v := verifier(t, account.VerifierOptions{Key: secret})
	for _, ago := range []time.Duration{0, time.Second, 24 * time.Hour} {
		_, err := v.Verify(forge(jwt.SigningMethodHS256, []byte(secret), nil, good(map[string]any{"exp": now.Add(-ago).Unix()})))
		e, ok := errors.AsType[*codec.Error](err)
		if !ok || e.Code != codec.CodeUnauthorized || e.Msg != "token expired" || !errors.Is(err, account.ErrExpired) {
			t.Errorf("%v ago: got %v, want 401 token expired", ago, err)
		}
	}
}

func TestVerifyAllowNoExpiry(t *testing.T) {
	v := verifier(t, account.VerifierOptions{Key: secret, AllowNoExpiry: true})
	c, err := v.Verify(forge(jwt.SigningMethodHS256, []byte(secret), nil, good(map[string]any{"exp": nil})))
	if err != nil || !c.Expires.IsZero() {
		t.Errorf("got %+v, %v", c, err)
	}
	if _, err = v.Verify(forge(jwt.SigningMethodHS256, []byte(secret), nil, good(map[string]any{"exp": 1}))); !errors.Is(err, account.ErrExpired) {
		t.Errorf("an exp that is there does not count: %v", err)
	}
}

// TestVerifyKidOfNamelessKey: a kid names a key, and a key without an id is none
// of that name.
func TestVerifyKidOfNamelessKey(t *testing.T) {
	v := verifier(t, account.VerifierOptions{Key: secret})
	token := forge(jwt.SigningMethodHS256, []byte(secret), map[string]any{"kid": "h1"}, good(nil))
	c, err := v.Verify(token)
	checkRefusal(t, token, c, err, `no HS256 key has the id "h1"`)
}

func TestVerifyMaxToken(t *testing.T) {
	token := forge(jwt.SigningMethodHS256, []byte(secret), nil, good(nil))
	if _, err := verifier(t, account.VerifierOptions{Key: secret, MaxToken: len(token)}).Verify(token); err != nil {
		t.Error(err)
	}
	c, err := verifier(t, account.VerifierOptions{Key: secret, MaxToken: len(token) - 1}).Verify(token)
	checkRefusal(t, token, c, err, "more than")
}

func TestNewVerifierRefuses(t *testing.T) {
	rs, es := pairs()[account.RS256], pairs()[account.ES256]
	for _, tt := range []struct {
		name, want string
		o          account.VerifierOptions
	}{
		{"no key", "needs a key", account.VerifierOptions{}},
		{"short secret", "at least 32 bytes", account.VerifierOptions{Key: secret[1:]}},
		{"public key for HMAC", "good for RS256, not for HS256", account.VerifierOptions{Key: rs.public, Algorithm: account.HS256}},
		{"secret for RS256", "good for HS256, not for RS256", account.VerifierOptions{Key: secret, Algorithm: account.RS256}},
		{"algorithm none", "not for none", account.VerifierOptions{Key: secret, Algorithm: "none"}},
		{"no key for the algorithm", "good for RS256", account.VerifierOptions{JWKS: mustSet(key(t, "a", "", es.public)), Algorithm: account.RS256}},
		{"same id twice", "two HS256 keys", account.VerifierOptions{Key: secret, KeyID: "a", JWKS: mustSet(key(t, "a", "", strings.Repeat("y", 32)))}},
		{"negative leeway", "negative", account.VerifierOptions{Key: secret, Leeway: -1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := account.NewVerifier(tt.o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), secret[1:]) {
				t.Error("the error holds the secret")
			}
		})
	}
}

func mustSet(keys ...account.Key) *account.KeySet {
	set, err := account.NewKeySet(keys...)
	check(err)
	return set
}

// TestSetKeys rotates keys under load: an old token stops, a new one starts, and
// one whose key stays is never refused.
func TestSetKeys(t *testing.T) {
	first, second, stays := strings.Repeat("1", 32), strings.Repeat("2", 32), strings.Repeat("3", 32)
	token := func(kid, secret string) string {
		return forge(jwt.SigningMethodHS256, []byte(secret), map[string]any{"kid": kid}, good(nil))
	}
	v := verifier(t, account.VerifierOptions{JWKS: mustSet(key(t, "1", "", first), key(t, "3", "", stays))})
	before, after, always := token("1", first), token("2", second), token("3", stays)

	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := v.Verify(always); err != nil {
					t.Errorf("refused during rotation: %v", errors.Unwrap(err))
					return
				}
			}
		})
	}
	for range 50 {
		if _, err := v.Verify(before); err != nil {
			t.Error("the first key does not count")
		}
		if err := v.SetKeys(mustSet(key(t, "2", "", second), key(t, "3", "", stays))); err != nil {
			t.Error(err)
		}
		if _, err := v.Verify(before); err == nil {
			t.Error("the first key still counts")
		}
		if _, err := v.Verify(after); err != nil {
			t.Error("the second key does not count")
		}
		if err := v.SetKeys(mustSet(key(t, "1", "", first), key(t, "3", "", stays))); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
}

func TestSetKeysKeepsTheAlgorithm(t *testing.T) {
	hs, es := pairs()[account.HS256], pairs()[account.ES256]
	v := verifier(t, account.VerifierOptions{Key: es.public, KeyID: "e1", Algorithm: account.ES256})
	if err := v.SetKeys(mustSet(key(t, "h1", "", hs.public))); err == nil {
		t.Error("a set without a key for the algorithm was taken")
	}
	if err := v.SetKeys(mustSet(key(t, "h1", "", hs.public), key(t, "e1", "", es.public))); err != nil {
		t.Error(err)
	}
	token := forge(jwt.SigningMethodHS256, []byte(secret), map[string]any{"kid": "h1"}, good(nil))
	c, err := v.Verify(token)
	checkRefusal(t, token, c, err, "no HS256 key")
	if _, err := v.Verify(forge(jwt.SigningMethodES256, es.signer, map[string]any{"kid": "e1"}, good(nil))); err != nil {
		t.Error(errors.Unwrap(err))
	}
}
