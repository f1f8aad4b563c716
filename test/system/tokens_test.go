package system

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"pushd/internal/testwait"
	"pushd/test/internal/serverproc"
)

// pair is a key of a key set.
type pair struct {
	id      string
	public  ed25519.PublicKey
	private ed25519.PrivateKey
}

func newPair(t *testing.T, id string) pair {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pair{id, public, private}
}

// keySet writes the public keys as a JWK set, in one step.
func keySet(t *testing.T, file string, keys ...pair) {
	t.Helper()
	var list []string
	for _, k := range keys {
		list = append(list, fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":%q,"x":%q}`,
			k.id, base64.RawURLEncoding.EncodeToString(k.public)))
	}
	if err := os.WriteFile(file+".new", []byte(`{"keys":[`+strings.Join(list, ",")+`]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

func sign(t *testing.T, method jwt.SigningMethod, id string, key any, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	if id != "" {
		token.Header["kid"] = id
	}
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// claims are those of a good token, with some changed; nil takes one out.
func claims(change jwt.MapClaims) jwt.MapClaims {
	now := time.Now()
	c := jwt.MapClaims{"sub": "alice", "iss": "shop", "aud": "pushd", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	maps.Copy(c, change)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func loginData(token string) string {
	return `{"UserId":"alice","PlatId":"web","Token":"` + token + `"}`
}

// TestRefusedTokens: whatever is wrong with a token, the client is told one
// thing, and its cause is in the log.
func TestRefusedTokens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	key, stranger := newPair(t, "one"), newPair(t, "one")
	keySet(t, file, key)
	s := &server{serverproc.Start(t, "--auth.jwt.jwks", file, "--auth.jwt.algorithm", "EdDSA",
		"--auth.jwt.issuer", "shop", "--auth.jwt.audience", "pushd", "--admin-key", "tests", "--log.level", "debug"), t, "tests"}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := func(change jwt.MapClaims) string {
		return sign(t, jwt.SigningMethodEdDSA, "one", key.private, claims(change))
	}
	now := time.Now()
	const refused = "token refused"
	for name, token := range map[string]string{
		"alg none":             sign(t, jwt.SigningMethodNone, "one", jwt.UnsafeAllowNoneSignatureType, claims(nil)),
		"public key as secret": sign(t, jwt.SigningMethodHS256, "one", []byte(key.public), claims(nil)),
		"another algorithm":    sign(t, jwt.SigningMethodRS256, "one", rsaKey, claims(nil)),
		"another's key":        sign(t, jwt.SigningMethodEdDSA, "one", stranger.private, claims(nil)),
		"unknown key":          sign(t, jwt.SigningMethodEdDSA, "two", key.private, claims(nil)),
		"wrong issuer":         good(jwt.MapClaims{"iss": "else"}),
		"no issuer":            good(jwt.MapClaims{"iss": nil}),
		"wrong audience":       good(jwt.MapClaims{"aud": "else"}),
		"not yet valid":        good(jwt.MapClaims{"nbf": now.Add(time.Hour).Unix()}),
		"no end":               good(jwt.MapClaims{"exp": nil}),
		"no subject":           good(jwt.MapClaims{"sub": nil}),
		"signature cut":        strings.TrimSuffix(good(nil), good(nil)[len(good(nil))-10:]),
		"not a token":          "x",
		"dots":                 strings.Repeat(".", 60000),
	} {
		c := s.dial()
		if msg := c.refused(401, "robot", "Login", loginData(token)); msg != refused {
			t.Errorf("%s: %q", name, msg)
		}
		c.Close()
		if len(token) > 4096 {
			continue // more than a header holds
		}
		d := s.dial("Authorization", "Bearer "+token)
		if reason := d.closed(4001); reason != refused {
			t.Errorf("%s: closed with %q", name, reason)
		}
		d.Close()
	}
	expired := good(jwt.MapClaims{"exp": now.Add(-time.Minute).Unix()})
	c := s.dial()
	if msg := c.refused(401, "robot", "Login", loginData(expired)); msg == refused {
		t.Errorf("an expired token: %q", msg)
	}
	s.dial("Authorization", "Bearer "+expired).closed(4002)
	c.refused(401, "robot", "Login", `{"UserId":"alice","PlatId":"web"}`)
	c.refused(403, "robot", "Login", `{"UserId":"bob","PlatId":"web","Token":"`+good(nil)+`"}`)
	c.ok("robot", "Login", loginData(good(nil)))

	guess := s.dial()
	for range 5 {
		guess.send(request("robot", "Login", loginData("x")))
	}
	guess.closed(4001)
	// A message full of dots, one over the limit of messages.
	flood := s.dial()
	flood.send(request("robot", "Login", loginData(strings.Repeat(".", 1<<20))))
	flood.closed(1009)
	s.consistent()
}

// TestKeysRotate replaces the key set under the running server.
func TestKeysRotate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	old, next := newPair(t, "old"), newPair(t, "new")
	keySet(t, file, old)
	s := &server{serverproc.Start(t, "--auth.jwt.jwks", file, "--auth.jwt.algorithm", "EdDSA", "--auth.jwt.refresh", "1s", "--admin-key", "tests"), t, "tests"}
	enters := func(k pair) bool {
		c := s.dial()
		defer c.Close()
		return *c.call("robot", "Login", loginData(sign(t, jwt.SigningMethodEdDSA, k.id, k.private, claims(nil)))).Code == 0
	}
	if !enters(old) || enters(next) {
		t.Fatal("the first set isn't in force")
	}
	keySet(t, file, old, next)
	testwait.Equal(t, "whether both keys count", true, func() bool { return enters(next) && enters(old) })
	if err := os.WriteFile(file, []byte(`{"keys":[`), 0o600); err != nil {
		t.Fatal(err)
	}
	s.logs("new keys not taken")
	if !enters(old) || !enters(next) {
		t.Error("a set that can't be read changed something")
	}
	stays := s.dial()
	stays.ok("robot", "Login", `{"UserId":"alice","PlatId":"ios","Token":"`+sign(t, jwt.SigningMethodEdDSA, "old", old.private, claims(nil))+`"}`)
	keySet(t, file, next)
	testwait.Equal(t, "whether the old key counts", false, func() bool { return enters(old) })
	if !enters(next) {
		t.Error("the new key is refused")
	}
	stays.ok("robot", "HeartBeat", "")
}

// TestTokenRunsOut closes a session whose token has run out, and keeps one that
// got another in time, without reconnecting.
func TestTokenRunsOut(t *testing.T) {
	const secret = "a-secret-of-the-tests-and-of-nothing-else"
	s := &server{serverproc.Start(t, "--auth.jwt.key", secret, "--admin-key", "tests"), t, "tests"}
	token := func(ttl time.Duration) string {
		return sign(t, jwt.SigningMethodHS256, "", []byte(secret), claims(jwt.MapClaims{"exp": time.Now().Add(ttl).Unix()}))
	}
	login := func(platform, token string) string {
		return `{"UserId":"alice","PlatId":"` + platform + `","Token":"` + token + `"}`
	}
	ends, renews := s.dial(), s.dial()
	ends.ok("robot", "Login", login("web", token(3*time.Second)))
	before := renews.ok("robot", "Login", login("ios", token(3*time.Second)))["session"]
	if after := renews.ok("robot", "Login", login("ios", token(time.Hour)))["session"]; after != before {
		t.Errorf("renewing changed the session from %v to %v", before, after)
	}
	ends.closed(4002)
	renews.ok("robot", "HeartBeat", "")
}
