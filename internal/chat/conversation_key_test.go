package chat_test

import (
	"testing"

	"pushd/internal/chat"
)

func TestKeys(t *testing.T) {
	for want, got := range map[string]string{
		"s:alice:bob":            chat.SingleKey("bob", "alice"),
		"s:a%3Ab:c%25":           chat.SingleKey("c%", "a:b"),
		"s:alice:bot%3Aecho":     chat.SingleKey("alice", "bot:echo"),
		"g:01J":                  chat.GroupKey("01J"),
		"n:a%3Ab":                chat.NoticeKey("a:b"),
		"s:%25:a":                chat.SingleKey("a", "%"),
		"s:a:a%3A":               chat.SingleKey("a:", "a"),
		"s:al\u00efce:al\u00efs": chat.SingleKey("al\u00efs", "al\u00efce"),
	} {
		if got != want {
			t.Errorf("key %q, want %q", got, want)
		}
	}
	// The two orders give one key, and no two pairs share one.
	seen := map[string][2]string{}
	ids := []string{"a", "b", "a:b", "a%3Ab", "a%", ":", "%", "%3A", "bot:a"}
	for i, a := range ids {
		for _, b := range ids[i+1:] {
			k := chat.SingleKey(a, b)
			if k != chat.SingleKey(b, a) {
				t.Errorf("%q and %q have two keys", a, b)
			}
			if other, ok := seen[k]; ok {
				t.Errorf("%q is the key of %q and of %q", k, other, [2]string{a, b})
			}
			seen[k] = [2]string{a, b}
			kind, x, y, ok := chat.ParseKey(k)
			if !ok || kind != chat.KindSingle || chat.SingleKey(x, y) != k || x >= y {
				t.Errorf("%q is read as %q, %q, %q, %v", k, kind, x, y, ok)
			}
		}
	}
	for _, tc := range []struct{ key, kind, a string }{
		{"g:team", "g", "team"}, {"g:a:b", "g", "a:b"}, {"n:alice", "n", "alice"}, {"n:a%3Ab", "n", "a:b"}, {"b:all", "b", ""},
	} {
		if kind, a, b, ok := chat.ParseKey(tc.key); !ok || kind != tc.kind || a != tc.a || b != "" {
			t.Errorf("%q is read as %q, %q, %q, %v", tc.key, kind, a, b, ok)
		}
	}
}

func TestParseKeyRefuses(t *testing.T) {
	for _, key := range []string{
		"", "s", "s:", "s:a", "s:a:", "s::b", "s:b:a", "s:a:a", "s:a:b:c", "s:a:%62", "s:a%3ab:c", "s:a:b%", "s:a b:c", "s:$a:b",
		"g:", "g:$x", "g:a\x00b", "g:\xff", "n:", "n:a:b", "n:$server", "b:", "b:one", "x:a", "S:a:b",
	} {
		if kind, a, b, ok := chat.ParseKey(key); ok {
			t.Errorf("%q is read as %q, %q, %q", key, kind, a, b)
		}
	}
}
