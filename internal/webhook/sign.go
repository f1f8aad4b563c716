package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// Headers of a signed call.
const (
	HeaderID        = "webhook-id"        // the same for every attempt
	HeaderTimestamp = "webhook-timestamp" // of the attempt, Unix seconds
	HeaderSignature = "webhook-signature" // "v1," and base64; several are separated by spaces
)

// secretPrefix begins a secret's text, as the standard has it.
const secretPrefix = "whsec_"

// Bounds of a key that the standard gives, in bytes.
const (
	minKey = 24
	maxKey = 64
)

// Secret is what calls are signed with: one key, or several while they are being
// exchanged. The zero Secret signs nothing.
type Secret struct{ keys [][]byte }

// ParseSecret reads "whsec_" and the base64 of 24 to 64 random bytes; several
// are separated by spaces, and each then signs every call. "" is the zero Secret.
func ParseSecret(text string) (Secret, error) {
	var s Secret
	for field := range strings.FieldsSeq(text) {
		encoded, ok := strings.CutPrefix(field, secretPrefix)
		if !ok {
			return Secret{}, errors.New(
				"a webhook secret begins with " + secretPrefix + "; make one with `pushd keys webhook`")
		}
		key, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return Secret{}, errors.New(
				"a webhook secret is " + secretPrefix + " and base64; make one with `pushd keys webhook`")
		}
		if len(key) < minKey || len(key) > maxKey {
			return Secret{}, fmt.Errorf(
				"a webhook secret holds %d to %d bytes, this one has %d; make one with `pushd keys webhook`",
				minKey, maxKey, len(key))
		}
		s.keys = append(s.keys, key)
	}
	return s, nil
}

// NewSecret is the text of a fresh secret of 32 bytes.
func NewSecret() string {
	var key [32]byte
	rand.Read(key[:]) // never fails, see crypto/rand
	return secretPrefix + base64.StdEncoding.EncodeToString(key[:])
}

// IsZero reports whether the secret signs nothing.
func (s Secret) IsZero() bool { return len(s.keys) == 0 }

// Sign is the value of HeaderSignature; "" for the zero Secret.
func (s Secret) Sign(id string, at time.Time, body []byte) string {
	var out strings.Builder
	for i, key := range s.keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		if i > 0 {
			out.WriteByte(' ')
		}
		out.WriteString("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return out.String()
}

// Format keeps the keys out of whatever is printed.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.shown()) }

// LogValue keeps the keys out of slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.shown()) }

func (s Secret) shown() string {
	if s.IsZero() {
		return ""
	}
	return "[redacted]"
}

// NewID is an id for a call or an event: a ULID, so that ids sort by time.
func NewID() string { return ulid.MustNew(ulid.Now(), rand.Reader).String() }
