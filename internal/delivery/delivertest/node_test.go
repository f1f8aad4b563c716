package delivertest_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/delivery/delivertest"
)

// client is one of the fake's.
type client struct {
	node    *delivertest.Node
	session string
}

func (c client) Session() string  { return c.session }
func (c client) Act(testing.TB)   { c.node.Login(c.session) }
func (c client) Leave(testing.TB) { c.node.Logout(c.session) }

func (c client) Got(testing.TB) (payloads []string) {
	for _, p := range c.node.Take(c.session) {
		payloads = append(payloads, string(p.Data))
	}
	return payloads
}

func (c client) WantClosed(t testing.TB) {
	t.Helper()
	if user, platform, _ := strings.Cut(c.session, "/"); slices.Contains(c.node.Platforms(user), platform) {
		t.Errorf("%s is not closed", c.session)
	}
}

func TestNode(t *testing.T) {
	delivertest.Run(t, func(_ *testing.T, source delivery.MemberSource) delivertest.Fixture {
		n := delivertest.NewNode(source)
		return delivertest.Fixture{
			Deliverer: n, Closer: n, Online: n.Online, Subscribe: n.Subscribe,
			Login: func(_ testing.TB, user, platform string) delivertest.Client {
				n.Login(user + "/" + platform)
				return client{n, user + "/" + platform}
			},
			Overload: func(testing.TB) func() {
				n.Instead = func(context.Context, delivery.Target) (delivery.Receipt, error) {
					return delivery.Receipt{}, codec.Errorf(codec.CodeUnavailable, "the loops are full")
				}
				return func() { n.Instead = nil }
			},
		}
	})
}
