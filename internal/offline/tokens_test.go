package offline_test

import (
	"strings"
	"testing"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/codec/codectest"
	"pushd/internal/offline"
)

func TestRegister(t *testing.T) {
	phone := account.Identity{User: "alice", Device: "phone", Platform: 3}
	web := account.Identity{User: "alice"}
	for _, c := range []struct {
		name string
		id   account.Identity
		r    offline.RegisterRequest
		want offline.Token
	}{
		{"as the session has it", phone, offline.RegisterRequest{Token: "t", Provider: "apns"}, offline.Token{Device: "phone", Platform: "ios"}},
		{"as the request has it", phone, offline.RegisterRequest{Token: "t", Provider: "apns", Platform: "2", Device: "tablet"}, offline.Token{Device: "tablet", Platform: "android"}},
		{"without any device", web, offline.RegisterRequest{Token: "t", Provider: "fcm", Platform: "android"}, offline.Token{Device: "token-e3b98a4da31a127d", Platform: "android"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &shelf{}
			service := newService(t, s, nil, offline.Options{})
			reply, err := service.Register(t.Context(), c.id, c.r)
			if err != nil || reply.Device != c.want.Device {
				t.Fatalf("%+v, %v", reply, err)
			}
			c.want.User, c.want.Token, c.want.Provider, c.want.Time = "alice", "t", c.r.Provider, 1000
			if s.tokens[0] != c.want || s.limit != 16 {
				t.Errorf("got %+v, limit %d", s.tokens[0], s.limit)
			}
			id := c.id
			id.Device = reply.Device
			if _, err := service.Unregister(t.Context(), id, offline.UnregisterRequest{}); err != nil || len(s.tokens) != 0 {
				t.Errorf("%v, %v left", err, s.tokens)
			}
			_, err = service.Unregister(t.Context(), c.id, offline.UnregisterRequest(reply))
			codectest.WantCode(t, err, 404, "no push token")
		})
	}
}

func TestRegisterRefuses(t *testing.T) {
	alice := account.Identity{User: "alice", Platform: 3}
	s := &shelf{}
	service := newService(t, s, nil, offline.Options{})
	for _, c := range []struct {
		name string
		id   account.Identity
		r    offline.RegisterRequest
		code int
		says string
	}{
		{"nobody", account.Identity{}, offline.RegisterRequest{Token: "t", Provider: "fcm"}, 403, "log in"},
		{"an API key", account.Identity{Key: "k", Scopes: account.ScopeAdmin}, offline.RegisterRequest{Token: "t", Provider: "fcm"}, 403, "log in"},
		{"no token", alice, offline.RegisterRequest{Provider: "fcm"}, 400, "token is"},
		{"a long token", alice, offline.RegisterRequest{Token: strings.Repeat("x", 2049), Provider: "fcm"}, 400, "2048"},
		{"a token with a line", alice, offline.RegisterRequest{Token: "a\nb", Provider: "fcm"}, 400, "token is"},
		{"no provider", alice, offline.RegisterRequest{Token: "t"}, 400, "provider is"},
		{"a provider with capitals", alice, offline.RegisterRequest{Token: "t", Provider: "FCM"}, 400, "provider is"},
		{"a platform that isn't", alice, offline.RegisterRequest{Token: "t", Provider: "fcm", Platform: "toaster"}, 400, "platform"},
		{"no platform at all", account.Identity{User: "alice"}, offline.RegisterRequest{Token: "t", Provider: "fcm"}, 400, "platform is missing"},
		{"a device with a space", alice, offline.RegisterRequest{Token: "t", Provider: "fcm", Device: "a b"}, 400, "device is"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := service.Register(t.Context(), c.id, c.r)
			codectest.WantCode(t, err, c.code, c.says)
		})
	}
	if len(s.tokens) != 0 {
		t.Errorf("kept %v", s.tokens)
	}
	_, err := service.Unregister(t.Context(), account.Identity{}, offline.UnregisterRequest{Device: "d"})
	codectest.WantCode(t, err, 403, "log in")
	_, err = service.Unregister(t.Context(), alice, offline.UnregisterRequest{})
	codectest.WantCode(t, err, 400, "device is")
	s.fail = codec.Errorf(codec.CodeUnavailable, "the database can't answer now")
	_, err = service.Register(t.Context(), alice, offline.RegisterRequest{Token: "t", Provider: "fcm"})
	codectest.WantCode(t, err, 503, "database")
}
