package push_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/delivery"
	"pushd/internal/push"
)

// hall is a node where everybody is online that the benchmark says.
type hall struct {
	*node
	sessions int
	bytes    int
}

func (h *hall) Counts(context.Context) (push.Counts, error) {
	return push.Counts{Sessions: h.sessions}, nil
}

func (h *hall) CheckUsers(_ context.Context, users []string) ([]push.OnlineUser, error) {
	all := make([]push.OnlineUser, len(users))
	for i, u := range users {
		all[i] = push.OnlineUser{User: u, Platforms: []string{"web"}}
	}
	return all, nil
}

func (h *hall) Deliver(_ context.Context, _ delivery.Target, f codec.Frame) (delivery.Receipt, error) {
	h.bytes += len(f) * h.sessions
	return delivery.Receipt{Sessions: h.sessions}, nil
}

// BenchmarkLoginStorm is what 100,000 logins cost the presence of the service:
// without anybody being told, and with the announcement to all of them. The
// first figure is what the event loops pay for each login, the second what the
// one digest takes beside them.
func BenchmarkLoginStorm(b *testing.B) {
	const storm = 100_000
	names := make([]string, storm)
	for i := range names {
		names[i] = fmt.Sprint("user-", i)
	}
	for _, announce := range []bool{false, true} {
		b.Run(fmt.Sprintf("announce=%v", announce), func(b *testing.B) {
			platforms, err := account.NewPlatforms(nil)
			if err != nil {
				b.Fatal(err)
			}
			h := &hall{node: newNode(), sessions: storm}
			var logins, digest time.Duration
			b.ReportAllocs()
			for b.Loop() {
				s := push.New(push.Ports{Deliverer: h, Closer: h, Directory: h, Topics: h}, platforms, push.Options{PresenceAnnounce: announce})
				began := time.Now()
				for _, u := range names {
					s.Presence(u, web, true)
				}
				mid := time.Now()
				s.Announce(b.Context())
				logins, digest = logins+mid.Sub(began), digest+time.Since(mid)
			}
			b.ReportMetric(float64(logins.Nanoseconds())/float64(b.N*storm), "ns/login")
			b.ReportMetric(digest.Seconds()*1e3/float64(b.N), "digest-ms")
			b.ReportMetric(float64(h.bytes)/float64(b.N*storm), "B/session")
		})
	}
}
