package account_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"pushd/internal/account"
)

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestParseKey(t *testing.T) {
	rs, ok1 := pairs()[account.RS256].signer.(*rsa.PrivateKey)
	es, ok2 := pairs()[account.ES256].signer.(*ecdsa.PrivateKey)
	if !ok1 || !ok2 {
		t.Fatal("keys of other types")
	}
	sec1, err := x509.MarshalECPrivateKey(es)
	check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "login"}, NotAfter: now.Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &es.PublicKey, es)
	check(err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	check(err)
	p384der, err := x509.MarshalPKIXPublicKey(&p384.PublicKey)
	check(err)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	check(err)
	for _, tt := range []struct{ name, text, want string }{
		{"PKCS #1 private", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rs)), account.RS256},
		{"PKCS #1 public", block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rs.PublicKey)), account.RS256},
		{"SEC 1", block("EC PRIVATE KEY", sec1), account.ES256},
		{"SEC 1 as openssl prints it", block("EC PARAMETERS", []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}) + block("EC PRIVATE KEY", sec1), account.ES256},
		{"certificate", block("CERTIFICATE", cert), account.ES256},
		{"white space around", "\n " + pairs()[account.EdDSA].public + "\n\n", account.EdDSA},
		{"secret", secret, account.HS256},
		{"secret that looks like JSON", "{" + secret, account.HS256},

		{"P-384", block("PUBLIC KEY", p384der), "is on P-256"},
		{"weak RSA", block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&weak.PublicKey)), "2048 to 8192 bits, not 1024"},
		{"empty", "", "at least 32 bytes"},
		{"request", block("CERTIFICATE REQUEST", cert), "is not a key"},
		{"garbage", block("PUBLIC KEY", []byte("garbage")), "PUBLIC KEY"},
		{"cut", pairs()[account.RS256].public[:100], "not a PEM block"},
		{"two keys", pairs()[account.RS256].public + pairs()[account.ES256].public, "after the first"},
		{"JWK without key", `{"kty":"oct"}`, "at least 32 bytes"},
		{"JWK cut", `{"kty":"oct"`, "parse JWK"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, err := account.ParseKey("", "", tt.text)
			if err != nil && !strings.Contains(err.Error(), tt.want) || err == nil && k.Algorithm() != tt.want {
				t.Errorf("got %v, %v; want %s", k, err, tt.want)
			}
		})
	}
}

func TestKeysDoNotPrintSecrets(t *testing.T) {
	k := key(t, "a", "", secret)
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, x := range []any{k, []account.Key{k}, &k} {
			if text := fmt.Sprintf(format, x); strings.Contains(text, secret) || strings.Contains(text, "48, 49, 50") || strings.Contains(text, "48 49 50") {
				t.Errorf("%s prints %s", format, text)
			}
		}
	}
}

func TestNewKeySet(t *testing.T) {
	k := key(t, "a", "", secret)
	if _, err := account.NewKeySet(k, key(t, "a", "", pairs()[account.ES256].public)); err != nil {
		t.Errorf("one id for two algorithms: %v", err)
	}
	many := make([]account.Key, 65)
	for i := range many {
		many[i] = key(t, fmt.Sprint(i), "", secret)
	}
	for name, keys := range map[string][]account.Key{"none": nil, "empty key": {{}}, "same id": {k, k}, "too many": many} {
		if _, err := account.NewKeySet(keys...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	set := mustSet(k)
	set.Keys()[0] = account.Key{}
	if set.Keys()[0].ID() != "a" {
		t.Error("the set changed through Keys")
	}
}
