package account_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"sync"
	"testing"
	"time"

	"pushd/internal/account"

	"github.com/golang-jwt/jwt/v5"
)

const secret = "0123456789abcdef0123456789abcdef"

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// pair is one algorithm's keys as texts, the way a configuration holds them.
type pair struct {
	algorithm       string
	private, public string // PEM; for HS256 the secret twice
	privateJWK      string
	publicJWK       map[string]string
	signer          any
}

// pairs makes a key of every algorithm once; RSA keys take long to find.
var pairs = sync.OnceValue(func() map[string]pair {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	check(err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	check(err)
	ecPoint, err := ecKey.PublicKey.Bytes()
	check(err)
	ecScalar, err := ecKey.Bytes()
	check(err)
	hs := pair{algorithm: account.HS256, private: secret, public: secret, signer: []byte(secret)}
	hs.publicJWK = map[string]string{"kty": "oct", "k": b64([]byte(secret))}
	hs.privateJWK = with(hs.publicJWK, nil)
	rs := pemPair(account.RS256, rsaKey)
	rs.publicJWK = map[string]string{"kty": "RSA", "n": b64(rsaKey.N.Bytes()), "e": "AQAB"}
	rs.privateJWK = with(rs.publicJWK, map[string]string{"d": b64(rsaKey.D.Bytes()), "p": b64(rsaKey.Primes[0].Bytes()), "q": b64(rsaKey.Primes[1].Bytes())})
	es := pemPair(account.ES256, ecKey)
	es.publicJWK = map[string]string{"kty": "EC", "crv": "P-256", "x": b64(ecPoint[1:33]), "y": b64(ecPoint[33:])}
	es.privateJWK = with(es.publicJWK, map[string]string{"d": b64(ecScalar)})
	ed := pemPair(account.EdDSA, edKey)
	ed.publicJWK = map[string]string{"kty": "OKP", "crv": "Ed25519", "x": b64(edPublic)}
	ed.privateJWK = with(ed.publicJWK, map[string]string{"d": b64(edKey.Seed())})
	return map[string]pair{account.HS256: hs, account.RS256: rs, account.ES256: es, account.EdDSA: ed}
})

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// with returns the JSON of members and more.
func with(members, more map[string]string) string {
	all := map[string]string{}
	for _, m := range []map[string]string{members, more} {
		for k, v := range m {
			all[k] = v
		}
	}
	text, err := json.Marshal(all)
	check(err)
	return string(text)
}

func pemPair(algorithm string, key crypto.Signer) pair {
	private, err := x509.MarshalPKCS8PrivateKey(key)
	check(err)
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	check(err)
	return pair{
		algorithm: algorithm,
		private:   string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		public:    string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		signer:    key,
	}
}

// forge signs any header and claims; the values may be of any type.
func forge(method jwt.SigningMethod, key any, header, claims map[string]any) string {
	t := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	for k, v := range header {
		t.Header[k] = v
	}
	text, err := t.SignedString(key)
	check(err)
	return text
}

// good are the claims of a token that is accepted, but for changes. A nil value
// removes a claim.
func good(changes map[string]any) map[string]any {
	c := map[string]any{
		"sub": "alice", "iss": "https://login.example", "aud": "pushd",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	for k, v := range changes {
		if v == nil {
			delete(c, k)
		} else {
			c[k] = v
		}
	}
	return c
}

func verifier(t testing.TB, o account.VerifierOptions) *account.Verifier {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return now }
	}
	v, err := account.NewVerifier(o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func key(t testing.TB, id, algorithm, text string) account.Key {
	t.Helper()
	k, err := account.ParseKey(id, algorithm, text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
