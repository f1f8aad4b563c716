package chattest_test

import (
	"testing"

	"pushd/internal/chat"
	"pushd/internal/chat/chattest"
	"pushd/internal/store/storetest"
)

// What stands in for the store in tests keeps the promises that the store keeps.
func TestStore(t *testing.T) {
	storetest.Chat(t, func(*testing.T) chat.Store { return chattest.NewStore() })
}
