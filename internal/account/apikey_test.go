package account_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pushd/internal/account"
	"pushd/internal/codec"
)

const (
	pushSecret  = "push-key-0123456789"
	adminSecret = "admin-key-0123456789"
)

func TestAuthenticate(t *testing.T) {
	keys, err := account.NewAPIKeys([]account.APIKey{
		{Name: "shop", Secret: pushSecret, Scopes: account.ScopePush},
		{Name: "ops", Secret: adminSecret, Scopes: account.ScopeAdmin},
		{Name: "dev", Secret: "dev", Scopes: account.ScopeRead, Short: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]account.Identity{
		"Bearer " + pushSecret:           {Key: "shop", Platform: account.Server, Scopes: account.ScopePush},
		"bearer " + adminSecret:          {Key: "ops", Platform: account.Server, Scopes: account.ScopeAdmin},
		"BEARER   " + adminSecret + "  ": {Key: "ops", Platform: account.Server, Scopes: account.ScopeAdmin},
		"Bearer dev":                     {Key: "dev", Platform: account.Server, Scopes: account.ScopeRead},
	} {
		if got, err := keys.Authenticate([]byte(header)); err != nil || got != want {
			t.Errorf("%q gave %+v, %v", header, got, err)
		}
	}
	none, err := account.NewAPIKeys(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{
		"", "Bearer", "Bearer ", "Bearer  ", pushSecret, "Basic " + pushSecret, "Bearer" + pushSecret,
		"Bearer " + pushSecret[1:], "Bearer " + pushSecret + "0", "Bearer " + strings.ToUpper(pushSecret),
		"Bearer " + pushSecret + " " + adminSecret, "Bearer " + strings.Repeat("x", 1<<20), "Bearer \x00",
	} {
		for _, set := range []*account.APIKeys{keys, none} {
			got, err := set.Authenticate([]byte(header))
			e := codec.AsError(err)
			if e == nil || e.Code != codec.CodeUnauthorized || e.Msg != "the API key is missing or wrong" || got != (account.Identity{}) {
				t.Errorf("%.40q gave %+v, %v", header, got, err)
			}
		}
	}
	if _, err := none.Authenticate([]byte("Bearer " + pushSecret)); err == nil {
		t.Error("an empty set lets somebody in")
	}
}

func TestNewAPIKeysRefuses(t *testing.T) {
	fine := account.APIKey{Name: "a", Secret: pushSecret, Scopes: account.ScopePush}
	change := func(f func(*account.APIKey)) []account.APIKey {
		k := fine
		f(&k)
		return []account.APIKey{k}
	}
	for name, keys := range map[string][]account.APIKey{
		"no name":      change(func(k *account.APIKey) { k.Name = "" }),
		"no scope":     change(func(k *account.APIKey) { k.Scopes = 0 }),
		"15 bytes":     change(func(k *account.APIKey) { k.Secret = pushSecret[:15] }),
		"dev":          change(func(k *account.APIKey) { k.Secret = "dev" }),
		"empty, short": change(func(k *account.APIKey) { k.Secret, k.Short = "", true }),
		"too long":     change(func(k *account.APIKey) { k.Secret = strings.Repeat(pushSecret, 40) }),
		"space":        change(func(k *account.APIKey) { k.Secret = pushSecret + " x" }),
		"control":      change(func(k *account.APIKey) { k.Secret = pushSecret + "\n" }),
		"not ASCII":    change(func(k *account.APIKey) { k.Secret = pushSecret + "é" }),
		"same name":    {fine, {Name: "a", Secret: adminSecret, Scopes: account.ScopePush}},
		"same secret":  {fine, {Name: "b", Secret: pushSecret, Scopes: account.ScopePush}},
	} {
		if _, err := account.NewAPIKeys(keys); err == nil || strings.Contains(err.Error(), pushSecret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := account.NewAPIKeys(change(func(k *account.APIKey) { k.Secret = pushSecret[:16] })); err != nil {
		t.Errorf("16 bytes: %v", err)
	}
}

func TestAPIKeyDoesNotPrintItsSecret(t *testing.T) {
	k := account.APIKey{Name: "shop", Secret: pushSecret, Scopes: account.ScopePush | account.ScopeRead}
	var out bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("key", slog.Any("key", k))
	}
	fmt.Fprintf(&out, "%v %+v %#v %s %v", k, k, k, k, []account.APIKey{k})
	if text := out.String(); strings.Contains(text, pushSecret) || !strings.Contains(text, "shop (push,read)") {
		t.Error(text)
	}
}
