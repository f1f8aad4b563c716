package delivertest_test

import (
	"context"
	"testing"

	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/delivery/delivertest"
)

func TestNode(t *testing.T) {
	delivertest.Run(t, func(_ *testing.T, source delivery.MemberSource) delivertest.Fixture {
		n := delivertest.NewNode(source)
		return delivertest.Fixture{
			Deliverer: n, Closer: n, Online: n.Online, Subscribe: n.Subscribe,
			Login: func(_ testing.TB, user, platform string) delivertest.Client {
				return n.Client(user, platform)
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
