package chat_test

import (
	"testing"

	"pushd/internal/account"
	"pushd/internal/chat"
)

// FuzzParseKey: whatever is taken for a key is the one name of its conversation.
func FuzzParseKey(f *testing.F) {
	for _, key := range []string{"s:alice:bob", "s:a%3Ab:c%25", "g:team", "n:a%3Ab", "b:all", "s:b:a", "s:a:%62", "", "x"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		kind, a, b, ok := chat.ParseKey(key)
		if !ok {
			return
		}
		again := map[string]string{
			chat.KindSingle: chat.SingleKey(b, a), chat.KindGroup: chat.GroupKey(a), chat.KindNotice: chat.NoticeKey(a), chat.KindBroadcast: chat.Everyone,
		}[kind]
		if again != key {
			t.Errorf("%q is read as %q, %q, %q, which is called %q", key, kind, a, b, again)
		}
		for _, user := range []string{a, b} {
			if kind == chat.KindSingle && account.ValidUserID(user) != nil {
				t.Errorf("%q has the user %q", key, user)
			}
		}
	})
}
