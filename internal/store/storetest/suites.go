package storetest

import (
	"testing"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/offline"
)

// cases are tests of a port, each of which wants an empty store.
type cases[Port any] []struct {
	name string
	test func(t *testing.T, s Port)
}

func (c cases[Port]) run(t *testing.T, open func(t *testing.T) Port) {
	for _, c := range c {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// Chat is the suite of chat.Store: open gives each case an empty store.
func Chat(t *testing.T, open func(t *testing.T) chat.Store) {
	cases[chat.Store]{
		{"append", appends},
		{"append together", appendsTogether},
		{"pages", pages},
		{"changes", changes},
		{"expiry", expiry},
		{"heads", heads},
		{"moved", moved},
		{"marks", marks},
		{"search", search},
		{"groups", groups},
		{"group lists", groupLists},
		{"members", members},
		{"revisions of members", memberRevisions},
		{"join requests", joinRequests},
		{"a large group", largeGroup},
		{"what members read", membersRead},
		{"friends", friends},
		{"friends together", friendsTogether},
		{"friend lists", friendLists},
	}.run(t, open)
}

// Accounts is the suite of account.Store: open gives each case an empty store.
func Accounts(t *testing.T, open func(t *testing.T) account.Store) {
	cases[account.Store]{
		{"users", users},
		{"external users", externalUsers},
		{"user pages", userPages},
		{"deleted users", deletedUsers},
		{"grants", grants},
		{"rotation", rotation},
		{"revocations", revocations},
		{"revocation order", revocationOrder},
	}.run(t, open)
}

// PushTokens is the suite of offline.Tokens: open gives each case an empty store.
func PushTokens(t *testing.T, open func(t *testing.T) offline.Tokens) {
	cases[offline.Tokens]{{"push tokens", pushTokens}}.run(t, open)
}
