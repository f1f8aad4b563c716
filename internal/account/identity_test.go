package account_test

import (
	"strings"
	"testing"

	"pushd/internal/account"
	"pushd/internal/codec"
)

func TestAllow(t *testing.T) {
	for _, tt := range []struct {
		has, needs account.Scope
		ok         bool
	}{
		{account.ScopePush, account.ScopePush, true},
		{account.ScopePush, account.ScopeRead, false},
		{account.ScopePush | account.ScopeRead, account.ScopeRead, true},
		{account.ScopePush, account.ScopePush | account.ScopeRead, false},
		{account.ScopePush | account.ScopeRead, account.ScopeAdmin, false},
		{account.ScopeAdmin, account.ScopePush, true},
		{account.ScopeAdmin, account.ScopeRead | account.ScopeAdmin, true},
		{0, account.ScopeRead, false},
	} {
		err := account.Identity{Scopes: tt.has}.Allow(tt.needs)
		if (err == nil) != tt.ok {
			t.Errorf("%q for %q: %v", tt.has, tt.needs, err)
		}
		if err != nil && (codec.AsError(err).Code != codec.CodeForbidden || !strings.Contains(err.Error(), tt.needs.String())) {
			t.Errorf("%q for %q: %v", tt.has, tt.needs, err)
		}
	}
}

func TestParseScopes(t *testing.T) {
	s, err := account.ParseScopes([]string{"read", "push", "read"})
	if err != nil || s != account.ScopePush|account.ScopeRead || s.String() != "push,read" {
		t.Errorf("got %v, %v", s, err)
	}
	for _, names := range [][]string{nil, {}, {"write"}, {"push", ""}, {"Push"}, {strings.Repeat("x", 9999)}} {
		if s, err := account.ParseScopes(names); err == nil || len(err.Error()) > 200 {
			t.Errorf("%.20q gave %v, %v", names, s, err)
		}
	}
}

func TestValidUserID(t *testing.T) {
	for _, id := range []string{"a", "alice", "42", "a$b", "user@example.com", "用户", "é", "😀", "a/b:c|d", strings.Repeat("x", 128)} {
		if err := account.ValidUserID(id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range []string{
		"", "$system", " ", "a b", "a\tb", "a\x00b", "a\nb", "\x7f", "a\u00a0b", "a\u200bb", "a\u202eb",
		"a\u2028b", "\ufeffa", "\xff", "a\xed\xa0\x80", strings.Repeat("x", 129), strings.Repeat("用", 43),
	} {
		err := account.ValidUserID(id)
		if err == nil || codec.AsError(err).Code != codec.CodeMalformed {
			t.Errorf("%q: %v", id, err)
		}
	}
}
