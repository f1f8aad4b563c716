package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pushd/internal/chat"
	"pushd/internal/store/storetest"
)

const (
	largeConvs = 100_000
	largeEach  = 20  // messages of a conversation
	largeUsers = 500 // who share the conversations: 200 each
)

// fill makes the large database, in the engine's own hands as it is 2,000,000 rows.
func fill(b *testing.B, db *sql.DB) {
	const each = `SELECT id, id - 1 AS i FROM conversations`
	for _, text := range []string{
		fmt.Sprintf(`INSERT INTO conversations (key, max_seq, last_time)
			WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			SELECT 's:p' || i || ':u' || (i %% %d), %d, i FROM n ORDER BY i`, largeConvs-1, largeUsers, largeEach),
		fmt.Sprintf(`INSERT INTO members (conversation, "user") SELECT id, 'u' || (i %% %d) FROM (%s) c`, largeUsers, each),
		fmt.Sprintf(`INSERT INTO members (conversation, "user") SELECT id, 'p' || i FROM (%s) c`, each),
		fmt.Sprintf(`INSERT INTO messages (conversation, seq, id, sender, time, type, body)
			WITH RECURSIVE n (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < %d)
			SELECT c.id, n.k, 'm' || c.id || '-' || n.k, 'p' || c.i, n.k, 'text', '{"text":"%s"}' FROM (%s) c CROSS JOIN n`, largeEach, benchText, each),
		`ANALYZE`,
	} {
		if _, err := db.ExecContext(b.Context(), text); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLarge reads where there are 100,000 conversations of 20 messages: the
// newest page of any one, and what a user with 200 of them asks for when they connect.
func BenchmarkLarge(b *testing.B) {
	for _, engine := range engines {
		b.Run(string(engine), func(b *testing.B) {
			address := storetest.URL(b, engine)
			s := storetest.OpenURL(b, address)
			fill(b, raw(b, address))
			ctx := context.Background()
			known := make(map[string]chat.Mark, largeConvs)
			for i := range largeConvs {
				known[fmt.Sprintf("s:p%d:u%d", i, i%largeUsers)] = chat.Mark{Seq: largeEach}
			}
			user := func() string { return fmt.Sprintf("u%d", rand.IntN(largeUsers)) }
			for _, test := range []struct {
				name string
				ask  func() (int, error)
				want int
			}{
				{"page", func() (int, error) {
					i := rand.IntN(largeConvs)
					page, _, err := s.Page(ctx, fmt.Sprintf("u%d", i%largeUsers), fmt.Sprintf("s:p%d:u%d", i, i%largeUsers),
						chat.PageQuery{Limit: largeEach})
					return len(page), err
				}, largeEach},
				{"moved-200", func() (int, error) {
					page, _, err := s.Moved(ctx, user(), nil, "", 200)
					return len(page), err
				}, 200},
				{"moved-none", func() (int, error) {
					page, _, err := s.Moved(ctx, user(), known, "", 200)
					return len(page), err
				}, 0},
				{"heads-50", func() (int, error) {
					page, _, err := s.Heads(ctx, user(), 50, "", 0)
					return len(page), err
				}, 50},
				{"unread", func() (int, error) { return s.Unread(ctx, user()) }, 200 * largeEach},
			} {
				b.Run(test.name, func(b *testing.B) {
					took := make([]time.Duration, 0, b.N)
					for b.Loop() {
						began := time.Now()
						got, err := test.ask()
						took = append(took, time.Since(began))
						if err != nil || got != test.want {
							b.Fatalf("%d, %v; want %d", got, err, test.want)
						}
					}
					report(b, took, "asks/s")
				})
			}
		})
	}
}

// BenchmarkGroup sends to a group of 10,000: one row a message, whatever its size.
func BenchmarkGroup(b *testing.B) {
	const members = 10_000
	for _, engine := range engines {
		b.Run(string(engine), func(b *testing.B) {
			address := storetest.URL(b, engine)
			s := storetest.OpenURL(b, address)
			db := raw(b, address)
			makeGroup(b, db, members)
			run := benchRun.Add(1)
			var took []time.Duration
			for b.Loop() {
				n := len(took)
				d := benchDraft(run, n)
				d.Conv, d.From = "g:G", fmt.Sprintf("u%d", n%members)
				began := time.Now()
				if _, _, err := s.Append(context.Background(), d); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			report(b, took, "sends/s")
			if rows := count(b, db, "messages"); rows != len(took) {
				b.Fatalf("%d rows for %d messages", rows, len(took))
			}
			b.ReportMetric(1, "rows/send")
		})
	}
}

func makeGroup(b *testing.B, db *sql.DB, members int) {
	for _, text := range []string{
		`INSERT INTO conversations (key) VALUES ('g:G')`,
		`INSERT INTO groups (id, conversation, join_mode, member_limit, created) SELECT 'G', id, 'open', 10000, 0 FROM conversations`,
		fmt.Sprintf(`INSERT INTO members (conversation, "user")
			WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT c.id, 'u' || n.i FROM conversations c CROSS JOIN n`, members-1),
	} {
		if _, err := db.ExecContext(b.Context(), text); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMarks moves read marks while messages are sent: they share commits, so
// that neither keeps the other waiting long.
func BenchmarkMarks(b *testing.B) {
	for _, engine := range engines {
		b.Run(string(engine), func(b *testing.B) {
			s := storetest.Open(b, engine)
			appendAll(b, s, benchRun.Add(1), 64, benchConvs)
			run, ctx := benchRun.Add(1), context.Background()
			stop, sent := make(chan struct{}), make(chan int)
			go func() {
				n := 0
				for {
					select {
					case <-stop:
						sent <- n
						return
					default:
						appendAll(b, s, run+int64(n), 64, benchConvs)
						n += benchConvs
					}
				}
			}()
			seq := map[string]uint64{}
			var took []time.Duration
			for b.Loop() {
				conv := fmt.Sprintf("s:peer:user%d", len(took)%benchConvs)
				seq[conv]++
				began := time.Now()
				if _, _, err := s.SetRead(ctx, conv, "peer", seq[conv]); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			close(stop)
			n := <-sent
			report(b, took, "marks/s")
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "sends/s")
			benchRun.Add(int64(n))
		})
	}
}
