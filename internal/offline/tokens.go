package offline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"pushd/internal/account"
	"pushd/internal/codec"
)

// Bounds of what a client can register, in bytes.
const (
	maxToken    = 2048
	maxProvider = 32
	maxDevice   = 128
)

// RegisterRequest tells by which token a push service knows this phone.
type RegisterRequest struct {
	Token    string         `json:"token"`
	Provider string         `json:"provider"`           // fcm, apns, …: what the gateway calls it
	Platform account.PlatID `json:"platform,omitempty"` // the session's if empty
	Device   string         `json:"device,omitempty"`   // the session's if empty, else made of the token
}

// RegisterReply says under which device the token is kept, to unregister it by.
type RegisterReply struct {
	Device string `json:"device"`
}

// Register is push.Register. A device has one token: another takes its place.
func (s *Service) Register(ctx context.Context, id account.Identity, r RegisterRequest) (RegisterReply, error) {
	if err := user(id); err != nil {
		return RegisterReply{}, err
	}
	if !plain(r.Token, maxToken) {
		return RegisterReply{}, codec.Errorf(codec.CodeMalformed, "token is 1 to %d bytes of printable characters", maxToken)
	}
	if !word(r.Provider) {
		return RegisterReply{}, codec.Errorf(codec.CodeMalformed,
			"provider is 1 to %d lower-case letters, digits, - and _, such as fcm or apns", maxProvider)
	}
	platform := id.Platform
	if r.Platform != "" {
		var err error
		if platform, err = s.opts.Platforms.Parse(string(r.Platform)); err != nil {
			return RegisterReply{}, err
		}
	}
	if platform == 0 {
		return RegisterReply{}, codec.Errorf(codec.CodeMalformed, "platform is missing: android or ios, for example")
	}
	device := r.Device
	if device == "" {
		device = id.Device
	}
	if device == "" {
		sum := sha256.Sum256([]byte(r.Token))
		device = "token-" + hex.EncodeToString(sum[:8])
	}
	if !plain(device, maxDevice) {
		return RegisterReply{}, badDevice()
	}
	t := Token{
		User: id.User, Device: device, Provider: r.Provider,
		Platform: s.opts.Platforms.Name(platform), Token: r.Token, Time: s.opts.Clock().UnixMilli(),
	}
	if err := s.ports.Tokens.PutPushToken(ctx, t, s.opts.PerUser); err != nil {
		return RegisterReply{}, err
	}
	return RegisterReply{Device: t.Device}, nil
}

// UnregisterRequest names a device whose token is to go.
type UnregisterRequest struct {
	Device string `json:"device,omitempty"` // the session's if empty
}

// Unregister is push.Unregister. Clients call it before they log out.
func (s *Service) Unregister(ctx context.Context, id account.Identity, r UnregisterRequest) (struct{}, error) {
	if err := user(id); err != nil {
		return struct{}{}, err
	}
	device := r.Device
	if device == "" {
		device = id.Device
	}
	if !plain(device, maxDevice) {
		return struct{}{}, badDevice()
	}
	there, err := s.ports.Tokens.DeletePushToken(ctx, id.User, device)
	if err == nil && !there {
		err = codec.Errorf(codec.CodeNotFound, "no push token is registered for this device")
	}
	return struct{}{}, err
}

func badDevice() error {
	return codec.Errorf(codec.CodeMalformed,
		"device is 1 to %d bytes of printable characters: the one of push.Register's reply", maxDevice)
}

func user(id account.Identity) error {
	if id.User == "" {
		return codec.Errorf(codec.CodeForbidden, "push tokens belong to users: log in as one")
	}
	return nil
}

// plain is printable text without spaces.
func plain(s string, most int) bool {
	return s != "" && len(s) <= most && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) })
}

func word(s string) bool {
	return s != "" && len(s) <= maxProvider && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}
