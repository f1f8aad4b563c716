package store_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

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

// suites are what every engine has to pass.
var suites = []struct {
	name string
	run  func(*testing.T, *store.Store)
}{
	{"users", storetest.Users},
	{"external users", storetest.ExternalUsers},
	{"user pages", storetest.UserPages},
	{"deleted users", storetest.DeletedUsers},
	{"inherited groups", storetest.InheritedGroups},
	{"grants", storetest.Grants},
	{"rotation", storetest.Rotation},
	{"revocations", storetest.Revocations},
	{"revocation order", storetest.RevocationOrder},
	{"Groups", storetest.Groups},
	{"GroupLists", storetest.GroupLists},
	{"Members", storetest.Members},
	{"JoinRequests", storetest.JoinRequests},
	{"LargeGroup", storetest.LargeGroup},
	{"MembersRead", storetest.MembersRead},
	{"Friends", storetest.Friends},
	{"FriendsTogether", storetest.FriendsTogether},
	{"FriendLists", storetest.FriendLists},
	{"push tokens", storetest.PushTokens},
	{"Files", storetest.Files},
	{"Append", storetest.Append},
	{"Together", storetest.Together},
	{"Pages", storetest.Pages},
	{"Changes", storetest.Changes},
	{"Expiry", storetest.Expiry},
	{"Heads", storetest.Heads},
	{"Moved", storetest.Moved},
	{"Marks", storetest.Marks},
	{"Search", storetest.Search},
}

func TestSuites(t *testing.T) {
	for _, suite := range suites {
		t.Run(suite.name, func(t *testing.T) { storetest.Each(t, suite.run) })
	}
}
