package node_test

import (
	"testing"

	"pushd/internal/delivery/delivertest"
	"pushd/internal/hub"
	"pushd/internal/node"
	"pushd/internal/push/pushtest"
)

func loginTo(n *node.Node) func(testing.TB, string, string) delivertest.Client {
	return func(t testing.TB, user, platform string) delivertest.Client {
		t.Helper()
		return login(t, n, user+" "+platform)
	}
}

func TestDirectory(t *testing.T) {
	pushtest.Directory(t, func(t *testing.T) pushtest.DirectoryFixture {
		n := start(t, node.Options{})
		return pushtest.DirectoryFixture{Directory: n, OnlineLister: n, Login: loginTo(n)}
	})
}

func TestTopics(t *testing.T) {
	pushtest.Topics(t, func(t *testing.T) pushtest.TopicsFixture {
		n := start(t, node.Options{Hub: hub.Options{
			MaxQueued: 2 << 20, MaxTopicsPerSession: pushtest.SessionTopics,
			History: func(topic string) (h hub.History) {
				if pushtest.RemembersTopic(topic) {
					h.Size = pushtest.TopicHistory
				}
				return h
			},
			Roster: pushtest.RemembersTopic,
		}})
		return pushtest.TopicsFixture{Topics: n, Login: loginTo(n), Overload: func(testing.TB) func() { return n.Block() }}
	})
}
