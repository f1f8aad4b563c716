package account

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Algorithms of tokens (RFC 7518 section 3.1, RFC 8037 section 3.1). There are
// no others, and "none" least of all.
const (
	HS256 = "HS256" // HMAC with SHA-256
	RS256 = "RS256" // RSASSA-PKCS1-v1_5 with SHA-256
	ES256 = "ES256" // ECDSA on P-256 with SHA-256
	EdDSA = "EdDSA" // Ed25519
)

const (
	// minHMAC is the shortest HMAC secret, in bytes (RFC 7518 section 3.2).
	minHMAC = 32
	// minRSA (RFC 7518 section 3.3) and maxRSA bound a modulus, in bits; the
	// upper bound is there because verifying gets slow.
	minRSA, maxRSA = 2048, 8192
	// maxKeys bounds a key set.
	maxKeys = 64
)

// Key is one key with the one algorithm it is good for: the algorithm belongs to
// the key and is never taken from a token (RFC 8725 section 3.1). fmt does not
// print what is secret in it.
type Key struct {
	id        string // RFC 7515 section 4.1.4; "" when it has none
	algorithm string // one of the four
	verify    any    // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	sign      any    // the private half, or the same []byte; nil when not known
}

// String returns the algorithm and the id.
func (k Key) String() string { return fmt.Sprintf("%s key %q", k.algorithm, k.id) }

// GoString is String, so that %#v keeps secrets too.
func (k Key) GoString() string { return k.String() }

// ParseKey reads one key. text is PEM (PKIX, PKCS #1, PKCS #8, SEC 1 or an X.509
// certificate), a JWK (RFC 7517 section 4), or else an HMAC secret of at least
// 32 bytes, taken as it is. A private key serves to verify as well. id and
// algorithm may be empty: a JWK may name its own, and otherwise the algorithm
// follows from the kind of key. PEM text is never taken for an HMAC secret, so a
// public key can't become one.
func ParseKey(id, algorithm, text string) (Key, error) {
	var k Key
	var err error
	switch trimmed := strings.TrimSpace(text); {
	case strings.Contains(text, "-----BEGIN "):
		k, err = parsePEM(trimmed)
	case strings.HasPrefix(trimmed, "{") && strings.Contains(trimmed, `"kty"`):
		k, err = parseJWK([]byte(trimmed), true)
	default:
		k, err = newKey([]byte(text), nil)
	}
	if err != nil {
		return Key{}, err
	}
	if id != "" {
		k.id = id
	}
	if algorithm != "" && algorithm != k.algorithm {
		return Key{}, fmt.Errorf("the key is good for %s, not for %s", k.algorithm, clip(algorithm))
	}
	return k, nil
}

func parsePEM(text string) (Key, error) {
	block, rest := pem.Decode([]byte(text))
	if block != nil && block.Type == "EC PARAMETERS" {
		// What openssl ecparam -genkey prints first; the key repeats it.
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return Key{}, errors.New("not a PEM block")
	}
	if strings.TrimSpace(string(rest)) != "" {
		return Key{}, errors.New("text after the first PEM block")
	}
	var parsed any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		parsed, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		parsed, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		parsed, err = x509.ParseECPrivateKey(block.Bytes)
	case "CERTIFICATE":
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(block.Bytes); err == nil {
			parsed = c.PublicKey
		}
	default:
		return Key{}, fmt.Errorf("PEM block %q is not a key", clip(block.Type))
	}
	if err != nil {
		return Key{}, fmt.Errorf("PEM block %q: %w", block.Type, err)
	}
	if private, ok := parsed.(crypto.Signer); ok {
		return newKey(private.Public(), private)
	}
	return newKey(parsed, nil)
}

// newKey checks a key's strength and finds its algorithm.
func newKey(verify, sign any) (Key, error) {
	k := Key{verify: verify, sign: sign}
	switch v := verify.(type) {
	case []byte:
		if len(v) < minHMAC {
			return Key{}, fmt.Errorf("an HMAC secret is at least %d bytes long", minHMAC)
		}
		k.algorithm, k.sign = HS256, v
	case *rsa.PublicKey:
		if n := v.N.BitLen(); n < minRSA || n > maxRSA {
			return Key{}, fmt.Errorf("an RSA key has %d to %d bits, not %d", minRSA, maxRSA, n)
		}
		if v.E < 3 || v.E&1 == 0 {
			return Key{}, errors.New("the RSA exponent is not an odd number above 1")
		}
		k.algorithm = RS256
	case *ecdsa.PublicKey:
		if v.Curve != elliptic.P256() {
			return Key{}, errors.New("an elliptic curve key is on P-256")
		}
		k.algorithm = ES256
	case ed25519.PublicKey:
		if len(v) != ed25519.PublicKeySize {
			return Key{}, fmt.Errorf("an Ed25519 key has %d bytes", ed25519.PublicKeySize)
		}
		k.algorithm = EdDSA
	default:
		return Key{}, fmt.Errorf("keys of type %T are not supported", verify)
	}
	return k, nil
}

// KeySet is several keys to verify with. It never changes once made.
type KeySet struct {
	keys    []Key
	ignored []error
}

// NewKeySet makes a set of 1 to 64 keys. Two keys of one algorithm can't have
// the same id.
func NewKeySet(keys ...Key) (*KeySet, error) {
	if len(keys) == 0 {
		return nil, errors.New("a key set needs a key")
	}
	if len(keys) > maxKeys {
		return nil, fmt.Errorf("a key set has at most %d keys, not %d", maxKeys, len(keys))
	}
	set := &KeySet{}
	for _, k := range keys {
		if k.verify == nil {
			return nil, errors.New("a key is empty")
		}
		if _, taken := set.find(k.id, k.algorithm); taken {
			return nil, fmt.Errorf("two %s keys have the id %q", k.algorithm, clip(k.id))
		}
		set.keys = append(set.keys, k)
	}
	return set, nil
}

// Keys returns a copy of the keys, to make another set of them and more.
func (s *KeySet) Keys() []Key { return append([]Key(nil), s.keys...) }

// Ignored says which keys of a JWK set were left out, and why: for a warning.
func (s *KeySet) Ignored() []error { return s.ignored }

func (s *KeySet) find(id, algorithm string) (Key, bool) {
	for _, k := range s.keys {
		if k.id == id && k.algorithm == algorithm {
			return k, true
		}
	}
	return Key{}, false
}
