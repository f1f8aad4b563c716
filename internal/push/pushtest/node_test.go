package pushtest_test

import (
	"context"
	"testing"

	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/delivery/delivertest"
	"pushd/internal/push/pushtest"
)

func login(n *pushtest.Node) func(testing.TB, string, string) delivertest.Client {
	return func(_ testing.TB, user, platform string) delivertest.Client { return n.Client(user, platform) }
}

func TestDirectory(t *testing.T) {
	pushtest.Directory(t, func(*testing.T) pushtest.DirectoryFixture {
		n := pushtest.NewNode(nil, pushtest.NodeOptions{})
		return pushtest.DirectoryFixture{Directory: n, OnlineLister: n, Login: login(n)}
	})
}

func TestTopics(t *testing.T) {
	pushtest.Topics(t, func(*testing.T) pushtest.TopicsFixture {
		n := pushtest.NewNode(nil, pushtest.NodeOptions{
			History: func(topic string) int {
				if pushtest.RemembersTopic(topic) {
					return pushtest.TopicHistory
				}
				return 0
			},
			Roster: pushtest.RemembersTopic, MaxTopics: pushtest.SessionTopics,
		})
		return pushtest.TopicsFixture{
			Topics: n, Login: login(n),
			Overload: func(testing.TB) func() {
				n.Instead = func(context.Context, delivery.Target) (delivery.Receipt, error) {
					return delivery.Receipt{}, codec.Errorf(codec.CodeUnavailable, "the loops are full")
				}
				return func() { n.Instead = nil }
			},
		}
	})
}
