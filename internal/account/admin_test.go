package account_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pushd/internal/account"
)

func TestAdmin(t *testing.T) {
	ctx := t.Context()
	n := start(t, account.Options{})
	u, err := n.CreateUser(ctx, admins, account.CreateUserRequest{ID: "alice", Password: password, Name: "Alice", Extra: json.RawMessage(`{"a":1}`)})
	if err != nil || u.ID != "alice" || u.Name != "Alice" {
		t.Fatalf("%+v, %v", u, err)
	}
	if text, err := json.Marshal(u); err != nil || strings.Contains(string(text), "argon2id") {
		t.Errorf("%s, %v", text, err)
	}
	_, err = n.CreateUser(ctx, admins, account.CreateUserRequest{ID: "alice"})
	wantCode(t, "twice", err, 409, "taken")
	_, err = n.CreateUser(ctx, admins, account.CreateUserRequest{ID: "bot:helper", Bot: true})
	wantCode(t, "a bot", err, 0, "")
	_, err = n.CreateUser(ctx, admins, account.CreateUserRequest{ID: "bob", Password: "short"})
	wantCode(t, "short password", err, 400, "8 to 128")
	_, err = n.CreateUser(ctx, admins, account.CreateUserRequest{ID: "bob", Extra: json.RawMessage(`[1]`)})
	wantCode(t, "extra", err, 400, "extra")
	_, err = n.CreateUser(ctx, admins, account.CreateUserRequest{ID: "bob", Avatar: "javascript:alert(1)"})
	wantCode(t, "avatar", err, 400, "avatar")

	l := n.login(home, "alice", "phone")
	n.connect(l.Token)
	devices, err := n.UserDevices(ctx, admins, account.UserRequest{User: "alice"})
	if err != nil || len(devices.Devices) != 1 || devices.Devices[0].Device != "phone" {
		t.Errorf("%+v, %v", devices, err)
	}
	_, err = n.UserDevices(ctx, admins, account.UserRequest{User: "nobody"})
	wantCode(t, "nobody's devices", err, 404, "")
	_, err = n.RevokeUser(ctx, admins, account.RevokeUserRequest{User: "alice", Grant: devices.Devices[0].ID})
	wantCode(t, "one device", err, 0, "")
	_, err = n.guard.Verify(l.Token)
	wantCode(t, "its token", err, 401, "revoked")

	l = n.login(home, "alice", "")
	_, err = n.ResetPassword(ctx, admins, account.ResetPasswordRequest{User: "alice", Password: "new password"})
	wantCode(t, "reset", err, 0, "")
	_, err = n.guard.Verify(l.Token)
	wantCode(t, "after the reset", err, 401, "revoked")
	_, err = n.Login(ctx, home, account.LoginRequest{User: "alice", Password: "new password"})
	wantCode(t, "the new one", err, 0, "")
	_, err = n.ResetPassword(ctx, admins, account.ResetPasswordRequest{User: "nobody", Password: "new password"})
	wantCode(t, "nobody's", err, 404, "")

	_, err = n.DeleteUser(ctx, admins, account.UserRequest{User: "alice"})
	wantCode(t, "delete", err, 0, "")
	_, err = n.DeleteUser(ctx, admins, account.UserRequest{User: "alice"})
	wantCode(t, "twice", err, 404, "")
	_, err = n.GetUser(ctx, admins, account.UserRequest{User: "alice"})
	wantCode(t, "deleted", err, 404, "")
	_, err = n.Login(ctx, home, account.LoginRequest{User: "alice", Password: "new password"})
	wantCode(t, "deleted", err, 401, "")
}

func TestListUsers(t *testing.T) {
	n := start(t, account.Options{})
	var ids []string
	for i := range 230 {
		ids = append(ids, fmt.Sprintf("u%03d", i))
	}
	if err := n.store.EnsureUsers(t.Context(), ids, 1); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int]int{0: 50, -5: 1, 1: 1, 200: 200, 5000: 200} {
		page, err := n.ListUsers(t.Context(), admins, account.ListUsersRequest{Limit: limit})
		if err != nil || len(page.Users) != want || page.Next == "" {
			t.Errorf("limit %d: %d users, %v", limit, len(page.Users), err)
		}
	}
	var got []string
	for r := (account.ListUsersRequest{Prefix: "u0"}); ; {
		page, err := n.ListUsers(t.Context(), admins, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.Users {
			got = append(got, u.ID)
		}
		if r.Cursor = page.Next; r.Cursor == "" {
			break
		}
	}
	if !slices.Equal(got, ids[:100]) {
		t.Errorf("%q", got)
	}
	_, err := n.ListUsers(t.Context(), admins, account.ListUsersRequest{Cursor: "?"})
	wantCode(t, "cursor", err, 400, "cursor")
	page, err := n.ListUsers(t.Context(), admins, account.ListUsersRequest{Prefix: "nobody"})
	if text, merr := json.Marshal(page); err != nil || merr != nil || string(text) != `{"users":[]}` {
		t.Errorf("%s, %v", text, err)
	}
}

// TestAdminsOnly: no operation of administrators is for users, or for keys of
// other scopes.
func TestAdminsOnly(t *testing.T) {
	n := start(t, account.Options{})
	n.user("alice")
	ctx := t.Context()
	for _, id := range []account.Identity{
		{}, {User: "alice"}, {Key: "shop", Scopes: account.ScopePush | account.ScopeRead},
	} {
		for name, call := range map[string]func() error{
			"create": func() error {
				_, err := n.CreateUser(ctx, id, account.CreateUserRequest{ID: "x"})
				return err
			},
			"list": func() error { _, err := n.ListUsers(ctx, id, account.ListUsersRequest{}); return err },
			"get":  func() error { _, err := n.GetUser(ctx, id, account.UserRequest{User: "alice"}); return err },
			"change": func() error {
				_, err := n.ChangeUser(ctx, id, account.ChangeUserRequest{User: "alice"})
				return err
			},
			"delete": func() error { _, err := n.DeleteUser(ctx, id, account.UserRequest{User: "alice"}); return err },
			"reset": func() error {
				_, err := n.ResetPassword(ctx, id, account.ResetPasswordRequest{User: "alice", Password: password})
				return err
			},
			"devices": func() error { _, err := n.UserDevices(ctx, id, account.UserRequest{User: "alice"}); return err },
			"revoke": func() error {
				_, err := n.RevokeUser(ctx, id, account.RevokeUserRequest{User: "alice"})
				return err
			},
		} {
			wantCode(t, fmt.Sprintf("%s as %+v", name, id), call(), 403, "admin")
		}
	}
}

func TestProfile(t *testing.T) {
	ctx := t.Context()
	n := start(t, account.Options{})
	n.user("alice")
	n.user("bob")
	me := account.Identity{User: "alice"}
	text := func(s string) *string { return &s }
	u, err := n.UpdateMe(ctx, me, account.UpdateMeRequest{Name: text("Ä 🦊"), Avatar: text("/files/a.png"), Extra: json.RawMessage(`{"x":1}`)})
	if err != nil || u.Name != "Ä 🦊" || u.Avatar != "/files/a.png" || string(u.Extra) != `{"x":1}` {
		t.Errorf("%+v, %v", u, err)
	}
	if u, err = n.UpdateMe(ctx, me, account.UpdateMeRequest{Avatar: text("")}); err != nil || u.Avatar != "" || u.Name != "Ä 🦊" {
		t.Errorf("%+v, %v", u, err)
	}
	if got, err := n.Me(ctx, me, struct{}{}); err != nil || fmt.Sprint(got) != fmt.Sprint(u) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, c := range []struct {
		name string
		r    account.UpdateMeRequest
		code int
	}{
		{"long name", account.UpdateMeRequest{Name: text(strings.Repeat("x", 257))}, 400},
		{"NUL", account.UpdateMeRequest{Name: text("a\x00")}, 400},
		{"bad UTF-8", account.UpdateMeRequest{Name: text("a\xff")}, 400},
		{"long avatar", account.UpdateMeRequest{Avatar: text("https://x/" + strings.Repeat("x", 2048))}, 400},
		{"avatar without host", account.UpdateMeRequest{Avatar: text("https:///x")}, 400},
		{"avatar with a password", account.UpdateMeRequest{Avatar: text("https://a:b@x/")}, 400},
		{"avatar elsewhere", account.UpdateMeRequest{Avatar: text("//evil.example/x")}, 400},
		{"long extra", account.UpdateMeRequest{Extra: json.RawMessage(`{"x":"` + strings.Repeat("x", 4096) + `"}`)}, 413},
		{"extra of nothing", account.UpdateMeRequest{Extra: json.RawMessage(`null`)}, 400},
		{"extra twice", account.UpdateMeRequest{Extra: json.RawMessage(`{}{}`)}, 400},
	} {
		_, err := n.UpdateMe(ctx, me, c.r)
		wantCode(t, c.name, err, c.code, "")
	}
	p, err := n.User(ctx, account.Identity{User: "bob"}, account.UserRequest{User: "alice"})
	if text, merr := json.Marshal(p); err != nil || merr != nil || string(text) != `{"id":"alice","name":"Ä 🦊"}` {
		t.Errorf("%s, %v", text, err)
	}
	_, err = n.User(ctx, me, account.UserRequest{User: "nobody"})
	wantCode(t, "nobody", err, 404, "")
	many, err := n.Users(ctx, me, account.UsersRequest{Users: []string{"bob", "nobody", "alice", "bob"}})
	if err != nil || len(many.Users) != 2 || many.Users[0].ID != "bob" || many.Users[1].ID != "alice" {
		t.Errorf("%+v, %v", many, err)
	}
	_, err = n.Users(ctx, me, account.UsersRequest{Users: make([]string, 201)})
	wantCode(t, "too many", err, 400, "200")
	for name, call := range map[string]func(account.Identity) error{
		"me":     func(id account.Identity) error { _, err := n.Me(ctx, id, struct{}{}); return err },
		"update": func(id account.Identity) error { _, err := n.UpdateMe(ctx, id, account.UpdateMeRequest{}); return err },
		"user": func(id account.Identity) error {
			_, err := n.User(ctx, id, account.UserRequest{User: "bob"})
			return err
		},
		"users":   func(id account.Identity) error { _, err := n.Users(ctx, id, account.UsersRequest{}); return err },
		"devices": func(id account.Identity) error { _, err := n.Devices(ctx, id, struct{}{}); return err },
		"revoke": func(id account.Identity) error {
			_, err := n.RevokeDevice(ctx, id, account.RevokeDeviceRequest{})
			return err
		},
		"password": func(id account.Identity) error {
			_, err := n.ChangePassword(ctx, id, account.ChangePasswordRequest{})
			return err
		},
	} {
		wantCode(t, name+" without a user", call(admins), 403, "only a user")
	}
}
