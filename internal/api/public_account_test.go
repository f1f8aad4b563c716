package api_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/routers/legacy"

	"pushd/internal/account"
	"pushd/internal/api"
)

// publicDoor is a public door whose exchanges are held against its description.
type publicDoor struct {
	*fixture
	v *validator
}

func newPublicDoor(t *testing.T, o api.PublicOptions) publicDoor {
	t.Helper()
	router, err := legacy.NewRouter(document(t, api.PublicOpenAPI))
	if err != nil {
		t.Fatal(err)
	}
	addr, client := newPublic(t, o)
	return publicDoor{&fixture{t: t, addr: addr, client: client}, &validator{router: router}}
}

// ask is one exchange with a token, "" for none.
func (d publicDoor) ask(t *testing.T, method, path, token, body string, malformed bool) response {
	t.Helper()
	return d.v.exchange(t, d.fixture, d.request(method, path, token, body), malformed)
}

// login is what logging in gives.
func (d publicDoor) login(t *testing.T, user, device string) account.Login {
	t.Helper()
	r := d.ask(t, "POST", "/api/v1/login", "", `{"user":"`+user+`","password":"correct horse","device":"`+device+`","platform":"web"}`, false)
	var l account.Login
	if err := json.Unmarshal([]byte(r.body), &l); err != nil || r.StatusCode != 200 {
		t.Fatalf("login: %d %s", r.StatusCode, r.body)
	}
	return l
}

func TestAccounts(t *testing.T) {
	a := newAccounts(t, account.Options{Register: true})
	d := newPublicDoor(t, api.PublicOptions{Users: a.guard, Services: api.Services{Account: a.Service}})
	const who = `{"user":"alice","password":"correct horse","name":"Alice"}`
	wantReply(t, d.ask(t, "POST", "/api/v1/users", "", who, false), 200, `"id":"alice","name":"Alice","created":`)
	wantReply(t, d.ask(t, "POST", "/api/v1/users", "", who, false), 409, "taken")
	wantReply(t, d.ask(t, "POST", "/api/v1/users", "", `{"user":"bob","password":"short"}`, true), 400, "8 to 128")
	wantReply(t, d.ask(t, "POST", "/api/v1/users", "", `{"user":"bob","passwort":"correct horse"}`, true), 400, `did you mean \"password\"`)
	wantReply(t, d.ask(t, "POST", "/api/v1/users", "", `{"user":"bob","password":"correct horse"}`, false), 200, `"id":"bob"`)

	wantReply(t, d.ask(t, "POST", "/api/v1/login", "", `{"user":"alice","password":"wrong horse"}`, false), 401, "the user or the password is wrong")
	here, there := d.login(t, "alice", "laptop"), d.login(t, "alice", "phone")
	wantReply(t, d.ask(t, "GET", "/api/v1/me", here.Token, "", false), 200, `"id":"alice"`)
	wantReply(t, d.ask(t, "GET", "/api/v1/me", "", "", true), 401, "a token is needed")
	wantReply(t, d.ask(t, "GET", "/api/v1/me", here.Token+"x", "", false), 401, "token refused")
	wantReply(t, d.ask(t, "GET", "/api/v1/me?x=1", here.Token, "", false), 400, "unknown parameter")
	wantReply(t, d.ask(t, "PATCH", "/api/v1/me", here.Token, `{"avatar":"/files/x","extra":{"n":1}}`, false), 200, `"avatar":"/files/x","extra":{"n":1}`)
	wantReply(t, d.ask(t, "PATCH", "/api/v1/me", here.Token, `{"avatar":"javascript:x"}`, false), 400, "avatar")
	wantReply(t, d.ask(t, "PATCH", "/api/v1/me", here.Token, `{"disabled":false}`, true), 400, "unknown key")
	wantReply(t, d.ask(t, "GET", "/api/v1/users/alice", d.login(t, "bob", "").Token, "", false), 200, `{"id":"alice","name":"Alice","avatar":"/files/x"}`)
	wantReply(t, d.ask(t, "GET", "/api/v1/users/nobody", here.Token, "", false), 404, "no user")
	wantReply(t, d.ask(t, "POST", "/api/v1/profiles", here.Token, `{"users":["nobody","bob"]}`, false), 200, `{"users":[{"id":"bob"}]}`)

	r := d.ask(t, "GET", "/api/v1/me/devices", here.Token, "", false)
	wantReply(t, r, 200, `"device":"phone","platform":"web","address":"127.0.0.1"`)
	var devices account.DevicesReply
	if err := json.Unmarshal([]byte(r.body), &devices); err != nil || len(devices.Devices) != 2 || !devices.Devices[1].Current {
		t.Fatalf("%s: %v", r.body, err)
	}
	wantReply(t, d.ask(t, "DELETE", "/api/v1/me/devices/none", here.Token, "", false), 404, "no such device")
	wantReply(t, d.ask(t, "DELETE", "/api/v1/me/devices/"+devices.Devices[0].ID, here.Token, "", false), 204, "")
	wantReply(t, d.ask(t, "GET", "/api/v1/me", there.Token, "", false), 401, "revoked")

	wantReply(t, d.ask(t, "POST", "/api/v1/token/refresh", "", `{"refresh_token":"`+there.RefreshToken+`"}`, false), 401, "log in again")
	r = d.ask(t, "POST", "/api/v1/token/refresh", "", `{"refresh_token":"`+here.RefreshToken+`"}`, false)
	wantReply(t, r, 200, `"user":"alice"`)

	wantReply(t, d.ask(t, "POST", "/api/v1/me/password", here.Token, `{"old":"wrong horse","new":"another horse"}`, false), 401, "wrong")
	wantReply(t, d.ask(t, "POST", "/api/v1/me/password", here.Token, `{"old":"correct horse","new":"another horse"}`, false), 204, "")
	wantReply(t, d.ask(t, "POST", "/api/v1/logout", here.Token, "", false), 204, "")
	wantReply(t, d.ask(t, "GET", "/api/v1/me", here.Token, "", false), 401, "revoked")
	bob := d.login(t, "bob", "")
	wantReply(t, d.ask(t, "POST", "/api/v1/logout", bob.Token, `{"all":true}`, false), 204, "")
	wantReply(t, d.ask(t, "POST", "/api/v1/logout", bob.Token, `{"all":true}`, false), 401, "revoked")

	yes := true
	if _, err := a.ChangeUser(t.Context(), account.Identity{Key: "k", Scopes: account.ScopeAdmin}, account.ChangeUserRequest{User: "bob", Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	wantReply(t, d.ask(t, "POST", "/api/v1/login", "", `{"user":"bob","password":"correct horse"}`, false), 403, "disabled")
}

// TestGuessingOverHTTP is slowed by the address that a trusted proxy names, and
// by no header that anybody else sends.
func TestGuessingOverHTTP(t *testing.T) {
	a := newAccounts(t, account.Options{})
	d := newPublicDoor(t, api.PublicOptions{
		Users: a.guard, Services: api.Services{Account: a.Service},
		ClientAddress: func(peer netip.Addr, forwarded string) netip.Addr {
			if forwarded == "" {
				return peer
			}
			last := forwarded[strings.LastIndexByte(forwarded, ',')+1:]
			return netip.MustParseAddr(last)
		},
	})
	guess := func(forwarded ...string) response {
		req := d.request("POST", "/api/v1/login", "", `{"user":"alice","password":"wrong horse"}`)
		for _, f := range forwarded {
			req.Header.Add("X-Forwarded-For", f)
		}
		return d.v.exchange(t, d.fixture, req, false)
	}
	for range 10 {
		wantReply(t, guess("192.0.2.1"), 401, "wrong")
	}
	r := guess("192.0.2.1")
	wantReply(t, r, 429, `"temporary":true`)
	if r.Header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
	}
	wantReply(t, guess("203.0.113.1", "192.0.2.1"), 429, "")
	wantReply(t, guess("192.0.2.2"), 401, "")
	wantReply(t, guess(), 401, "")
}

// TestOpenMode takes users at their word, and our own tokens too.
func TestOpenMode(t *testing.T) {
	a := newAccounts(t, account.Options{Register: true})
	d := newPublicDoor(t, api.PublicOptions{Users: account.OpenUsers{Guard: a.guard}, Services: api.Services{Account: a.Service}})
	wantReply(t, d.ask(t, "GET", "/api/v1/me", "carol", "", false), 200, `"id":"carol","external":true`)
	wantReply(t, d.ask(t, "GET", "/api/v1/me", "$carol", "", false), 401, "token refused")
	wantReply(t, d.ask(t, "GET", "/api/v1/me", "bot:echo", "", false), 403, "a bot can't log in")
	wantReply(t, d.ask(t, "POST", "/api/v1/users", "", `{"user":"alice","password":"correct horse"}`, false), 200, "")
	l := d.login(t, "alice", "")
	wantReply(t, d.ask(t, "GET", "/api/v1/me", l.Token, "", false), 200, `"id":"alice"`)
	wantReply(t, d.ask(t, "POST", "/api/v1/logout", "carol", "", false), 409, "all: true")
	wantReply(t, d.ask(t, "POST", "/api/v1/logout", l.Token, "", false), 204, "")
	wantReply(t, d.ask(t, "GET", "/api/v1/me", l.Token, "", false), 401, "revoked")
}

// accountCases is every operation of administrators.
func accountCases() []described {
	return []described{
		{name: "create", method: "POST", path: "/api/users", key: adminKey, status: 200, says: `"id":"alice"`, body: `{"id":"alice","password":"correct horse","name":"Alice","extra":{"a":1}}`},
		{name: "create again", method: "POST", path: "/api/users", key: adminKey, status: 409, says: "taken", body: `{"id":"alice"}`},
		{name: "create a bot", method: "POST", path: "/api/users", key: adminKey, status: 200, says: `"bot":true`, body: `{"id":"bot:x","bot":true}`},
		{name: "create badly", method: "POST", path: "/api/users", key: adminKey, status: 400, says: "user id", body: `{"id":"a b"}`},
		{name: "create with a typo", method: "POST", path: "/api/users", key: adminKey, malformed: true, status: 400, says: `did you mean \"password\"`, body: `{"id":"x","pasword":"correct horse"}`},
		{name: "create as a backend", method: "POST", path: "/api/users", key: pushKey, status: 403, says: "admin", body: `{"id":"x"}`},
		{name: "list", method: "GET", path: "/api/users?prefix=a&limit=1", key: adminKey, status: 200, says: `{"users":[{"id":"alice"`},
		{name: "list nobody", method: "GET", path: "/api/users?prefix=zzz", key: adminKey, status: 200, says: `{"users":[]}`},
		{name: "list badly", method: "GET", path: "/api/users?cursor=x", key: adminKey, status: 400, says: "cursor"},
		{name: "list as a monitor", method: "GET", path: "/api/users", key: readKey, status: 403, says: "admin"},
		{name: "get", method: "GET", path: "/api/users/alice", key: adminKey, status: 200, says: `"extra":{"a":1}`},
		{name: "get nobody", method: "GET", path: "/api/users/nobody", key: adminKey, status: 404, says: "nobody"},
		{name: "disable", method: "PATCH", path: "/api/users/alice", key: adminKey, status: 200, says: `"disabled":true`, body: `{"disabled":true}`},
		{name: "change another", method: "PATCH", path: "/api/users/alice", key: adminKey, malformed: true, status: 400, says: "is in the path", body: `{"user":"bob"}`},
		{name: "enable", method: "PATCH", path: "/api/users/alice", key: adminKey, status: 200, says: `"name":"A"`, body: `{"disabled":false,"name":"A"}`},
		{name: "reset", method: "POST", path: "/api/users/alice/password", key: adminKey, status: 204, body: `{"password":"another horse"}`},
		{name: "reset badly", method: "POST", path: "/api/users/alice/password", key: adminKey, malformed: true, status: 400, says: "8 to 128", body: `{"password":"x"}`},
		{name: "devices", method: "GET", path: "/api/users/alice/devices", key: adminKey, status: 200, says: `{"devices":[]}`},
		{name: "revoke", method: "POST", path: "/api/users/alice/revoke", key: adminKey, status: 204},
		{name: "revoke one", method: "POST", path: "/api/users/alice/revoke", key: adminKey, status: 404, says: "device", body: `{"grant":"none"}`},
		{name: "delete as a monitor", method: "DELETE", path: "/api/users/alice", key: readKey, status: 403, says: "admin"},
		{name: "delete", method: "DELETE", path: "/api/users/alice", key: adminKey, status: 204},
		{name: "delete again", method: "DELETE", path: "/api/users/alice", key: adminKey, status: 404, says: "alice"},
	}
}
