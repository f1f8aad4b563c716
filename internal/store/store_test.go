package store_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/offline"
	"pushd/internal/store"
	"pushd/internal/store/storetest"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(killedAt); url != "" {
		fmt.Fprintln(os.Stderr, sendUntilKilled(url, os.Getenv(killedRound)))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := storetest.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.Exit(code)
	}))
}

// onEngines runs a suite on each engine; open makes an empty database.
func onEngines(t *testing.T, suite func(t *testing.T, open func(t *testing.T) *store.Store)) {
	for _, engine := range storetest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			suite(t, func(t *testing.T) *store.Store { return storetest.Open(t, engine) })
		})
	}
}

func TestChat(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(t *testing.T) *store.Store) {
		storetest.Chat(t, func(t *testing.T) chat.Store { return open(t) })
	})
}

func TestAccounts(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(t *testing.T) *store.Store) {
		storetest.Accounts(t, func(t *testing.T) account.Store { return open(t) })
	})
}

func TestFiles(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(t *testing.T) *store.Store) {
		storetest.Files(t, func(t *testing.T) storetest.FileSetup { return storetest.FileSetupOf(open(t)) })
	})
}

func TestPushTokens(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(t *testing.T) *store.Store) {
		storetest.PushTokens(t, func(t *testing.T) offline.Tokens { return open(t) })
	})
}

func TestDeletions(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(t *testing.T) *store.Store) {
		storetest.Deletions(t, func(t *testing.T) storetest.Everything { return open(t) })
	})
}
