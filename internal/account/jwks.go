package account

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
)

// maxJWKS bounds the text of a JWK set, in bytes.
const maxJWKS = 1 << 20

// ParseJWKS reads a JWK set (RFC 7517 section 5) of RSA, EC P-256, OKP Ed25519
// and oct keys. As section 5 asks, keys that we can't use are left out and not an
// error: of another type, curve or algorithm, not for signatures, malformed, or
// with an id that is taken; Ignored tells. A set of which none is left is an
// error. Private parts are ignored, other than the secret of an oct key.
func ParseJWKS(data []byte) (*KeySet, error) {
	if len(data) > maxJWKS {
		return nil, fmt.Errorf("a JWK set has at most %d bytes", maxJWKS)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("parse JWK set: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("a JWK set has at most %d keys, not %d", maxKeys, len(set.Keys))
	}
	var usable []Key
	var ignored []error
	for i, text := range set.Keys {
		k, err := parseJWK(text, false)
		if err == nil && slices.ContainsFunc(usable, func(o Key) bool {
			return o.id == k.id && o.algorithm == k.algorithm
		}) {
			err = fmt.Errorf("another %s key has the id %q", k.algorithm, clip(k.id))
		}
		if err != nil {
			ignored = append(ignored, fmt.Errorf("JWK %d: %w", i, err))
			continue
		}
		usable = append(usable, k)
	}
	if len(usable) == 0 {
		return nil, errors.Join(append([]error{errors.New("the JWK set has no usable key")}, ignored...)...)
	}
	keys, err := NewKeySet(usable...)
	if err != nil {
		return nil, err
	}
	keys.ignored = ignored
	return keys, nil
}

// jwk is the members of RFC 7517 section 4 and RFC 7518 section 6 in use here.
type jwk struct {
	Type       string   `json:"kty"`
	ID         string   `json:"kid"`
	Algorithm  string   `json:"alg"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`
	Curve      string   `json:"crv"`
	N          octets   `json:"n"`
	E          octets   `json:"e"`
	X          octets   `json:"x"`
	Y          octets   `json:"y"`
	D          octets   `json:"d"`
	P          octets   `json:"p"`
	Q          octets   `json:"q"`
	K          octets   `json:"k"`
}

// octets is base64url without padding (RFC 7515 section 2). Errors say nothing
// of the text, which may be secret.
type octets []byte

func (o *octets) UnmarshalText(text []byte) error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(text))
	if err != nil {
		return errors.New("not base64url without padding")
	}
	*o = b
	return nil
}

// parseJWK reads one JWK, with its private parts only if private says so.
func parseJWK(text []byte, private bool) (Key, error) {
	var j jwk
	if err := json.Unmarshal(text, &j); err != nil {
		return Key{}, fmt.Errorf("parse JWK: %w", err)
	}
	if !private {
		j.D = nil
	}
	if j.Use != "" && j.Use != "sig" {
		return Key{}, fmt.Errorf("its use is %q, not sig", clip(j.Use))
	}
	if j.Operations != nil && !slices.Contains(j.Operations, "verify") && !slices.Contains(j.Operations, "sign") {
		return Key{}, errors.New("its operations have neither sign nor verify")
	}
	if len(j.ID) > 256 {
		return Key{}, errors.New("its id is longer than 256 bytes")
	}
	verify, sign, err := j.keyMaterial()
	if err != nil {
		return Key{}, err
	}
	k, err := newKey(verify, sign)
	if err != nil {
		return Key{}, err
	}
	if j.Algorithm != "" && j.Algorithm != k.algorithm {
		return Key{}, fmt.Errorf("its algorithm is %q, not %s", clip(j.Algorithm), k.algorithm)
	}
	k.id = j.ID
	return k, nil
}

// keyMaterial returns the keys of crypto/… that j describes; sign is nil without
// private parts.
func (j *jwk) keyMaterial() (verify, sign any, err error) {
	switch {
	case j.Type == "oct":
		return []byte(j.K), nil, nil
	case j.Type == "RSA":
		return j.rsa()
	case j.Type == "EC" && j.Curve == "P-256":
		if len(j.X) != 32 || len(j.Y) != 32 {
			return nil, nil, errors.New("its coordinates do not have 32 bytes")
		}
		point := slices.Concat([]byte{4}, j.X, j.Y) // SEC 1 section 2.3.3, uncompressed
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		if err != nil {
			return nil, nil, errors.New("its point is not on the curve")
		}
		if j.D == nil {
			return public, nil, nil
		}
		private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), j.D)
		if err != nil || !private.PublicKey.Equal(public) {
			return nil, nil, errors.New("its private part does not fit the public one")
		}
		return public, private, nil
	case j.Type == "OKP" && j.Curve == "Ed25519":
		public := ed25519.PublicKey(j.X)
		if j.D == nil {
			return public, nil, nil
		}
		if len(j.D) != ed25519.SeedSize {
			return nil, nil, errors.New("its private part does not have 32 bytes")
		}
		private := ed25519.NewKeyFromSeed(j.D)
		if !public.Equal(private.Public()) {
			return nil, nil, errors.New("its private part does not fit the public one")
		}
		return public, private, nil
	}
	return nil, nil, fmt.Errorf("its type %q with curve %q is not supported", clip(j.Type), clip(j.Curve))
}

func (j *jwk) rsa() (verify, sign any, err error) {
	// Bounded before any arithmetic: the text decides how large these are.
	if len(j.N) > maxRSA/8 || len(j.P) > maxRSA/8 || len(j.Q) > maxRSA/8 || len(j.D) > maxRSA/8 {
		return nil, nil, fmt.Errorf("an RSA key has %d to %d bits", minRSA, maxRSA)
	}
	e := new(big.Int).SetBytes(j.E)
	if e.BitLen() > 31 {
		return nil, nil, fmt.Errorf("its exponent is above %d", math.MaxInt32)
	}
	public := rsa.PublicKey{N: new(big.Int).SetBytes(j.N), E: int(e.Int64())}
	if j.D == nil {
		return &public, nil, nil
	}
	if _, err := newKey(&public, nil); err != nil {
		return nil, nil, err
	}
	private := &rsa.PrivateKey{
		PublicKey: public,
		D:         new(big.Int).SetBytes(j.D),
		Primes:    []*big.Int{new(big.Int).SetBytes(j.P), new(big.Int).SetBytes(j.Q)},
	}
	if err := private.Validate(); err != nil {
		return nil, nil, errors.New("its private part does not fit the public one")
	}
	private.Precompute()
	return &public, private, nil
}
