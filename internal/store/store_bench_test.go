package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pushd/internal/chat"
	"pushd/internal/store"
	"pushd/internal/store/storetest"
)

// benchConvs is how many single chats a benchmark's messages are spread over.
const benchConvs = 500

const benchText = "what a chat message usually says, a line or so of words"

var benchRun atomic.Int64 // tells the ids of one run from those of the next

func benchDraft(run int64, n int) chat.Draft {
	user := fmt.Sprintf("user%d", n%benchConvs)
	id := fmt.Sprintf("01BENCH%03d%016d", run, n)
	return chat.Draft{
		ID: id, ClientID: id, Conv: "s:peer:" + user, From: user, Time: int64(n),
		Body: chat.Body{Type: chat.TypeText, Text: benchText},
	}
}

// report gives the median and the 99th percentile of what each answer took.
func report(b *testing.B, took []time.Duration, unit string) {
	slices.Sort(took)
	at := func(q float64) float64 {
		return float64(took[min(len(took)-1, int(q*float64(len(took))))].Microseconds()) / 1000
	}
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
	b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), unit)
	b.ReportMetric(0, "ns/op")
}

// BenchmarkAppend is durable sends by so many senders at once, each of which waits
// for its answer. BenchmarkBare, its rival, inserts the same rows in batches of
// that size and does nothing else.
func BenchmarkAppend(b *testing.B) {
	for _, engine := range engines {
		for _, senders := range []int{1, 64, 1000} {
			b.Run(fmt.Sprintf("%s/%d", engine, senders), func(b *testing.B) {
				s := storetest.Open(b, engine)
				appendAll(b, s, benchRun.Add(1), senders, max(benchConvs, senders)) // conversations, caches
				b.ResetTimer()
				report(b, appendAll(b, s, benchRun.Add(1), senders, max(b.N, senders)), "sends/s")
			})
		}
	}
}

func appendAll(b *testing.B, s *store.Store, run int64, senders, n int) []time.Duration {
	took := make([]time.Duration, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				began := time.Now()
				if _, _, err := s.Append(context.Background(), benchDraft(run, i)); err != nil {
					b.Error(err)
					return
				}
				took[i] = time.Since(began)
			}
		})
	}
	wg.Wait()
	return took
}

func BenchmarkBare(b *testing.B) {
	for _, engine := range engines {
		for _, batch := range []int{1, 64, 1000} {
			b.Run(fmt.Sprintf("%s/%d", engine, batch), func(b *testing.B) {
				address := storetest.URL(b, engine)
				s, err := store.Open(b.Context(), store.Options{URL: address})
				if err != nil {
					b.Fatal(err)
				}
				appendAll(b, s, benchRun.Add(1), 500, benchConvs)
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
				insert := bareSQLite
				if engine == storetest.Postgres {
					insert = barePostgres
				}
				insert(b, address, benchRun.Add(1), batch)
			})
		}
	}
}

// bareConv is where a bare program keeps a conversation's place, as it asks no database.
type bareConv struct{ number, seq int64 }

func bareConvs(b *testing.B, db *sql.DB) map[string]*bareConv {
	rows, err := db.QueryContext(b.Context(), `SELECT key, id, max_seq FROM conversations`)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	convs := map[string]*bareConv{}
	for rows.Next() {
		var key string
		c := &bareConv{}
		if err := rows.Scan(&key, &c.number, &c.seq); err != nil {
			b.Fatal(err)
		}
		convs[key] = c
	}
	if rows.Err() != nil {
		b.Fatal(rows.Err())
	}
	return convs
}

const (
	bareBody  = `{"text":"` + benchText + `"}`
	bareWords = "what a chat message usually says line or so of words"
)

func bareSQLite(b *testing.B, address string, run int64, batch int) {
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(address, "sqlite:")+"?"+url.Values{
		"_journal_mode": {"WAL"}, "_synchronous": {"FULL"}, "_txlock": {"immediate"},
		"_pragma": {"cache_size(-32768)", "wal_autocheckpoint(4000)"},
	}.Encode())
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	convs := bareConvs(b, db)
	prepare := func(text string) *sql.Stmt {
		stmt, err := db.PrepareContext(ctx, text)
		if err != nil {
			b.Fatal(err)
		}
		return stmt
	}
	message := prepare(`INSERT INTO messages (conversation, seq, id, sender, client_id, time, type, body, mention, one_device, expires)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`)
	words := prepare(`INSERT INTO words (rowid, text) VALUES ($1, $2)`)
	advance := prepare(`UPDATE conversations SET max_seq = $2, last_time = $3 WHERE id = $1`)
	sent := prepare(`UPDATE members SET sent_seq = $3 WHERE conversation = $1 AND "user" = $2`)
	b.ResetTimer()
	var took []time.Duration
	for first := 0; first < max(b.N, batch); first += batch {
		began := time.Now()
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			b.Fatal(err)
		}
		do := func(stmt *sql.Stmt, args ...any) {
			if _, err := tx.StmtContext(ctx, stmt).ExecContext(ctx, args...); err != nil {
				b.Fatal(err)
			}
		}
		moved := map[string]chat.Draft{}
		for n := first; n < first+batch; n++ {
			d := benchDraft(run, n)
			c := convs[d.Conv]
			c.seq++
			do(message, c.number, c.seq, d.ID, d.From, d.ClientID, d.Time, d.Body.Type, bareBody, "", false, 0)
			do(words, c.number<<32|c.seq, bareWords)
			moved[d.Conv] = d
		}
		for key, d := range moved {
			c := convs[key]
			do(advance, c.number, c.seq, d.Time)
			do(sent, c.number, d.From, c.seq)
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
		for range batch {
			took = append(took, time.Since(began))
		}
	}
	report(b, took, "sends/s")
}

func barePostgres(b *testing.B, address string, run int64, batch int) {
	ctx := context.Background()
	db, err := sql.Open("pgx", address)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	convs := bareConvs(b, db)
	b.ResetTimer()
	var took []time.Duration
	for first := 0; first < max(b.N, batch); first += batch {
		began := time.Now()
		var numbers, seqs, times, at, last []int64
		var ids, senders, clients, types, bodies, mentions, words, moving []string
		var expires []int64
		var devices []bool
		moved := map[string]chat.Draft{}
		for n := first; n < first+batch; n++ {
			d := benchDraft(run, n)
			c := convs[d.Conv]
			c.seq++
			numbers, seqs, times = append(numbers, c.number), append(seqs, c.seq), append(times, d.Time)
			ids, senders, clients = append(ids, d.ID), append(senders, d.From), append(clients, d.ClientID)
			types, bodies, mentions = append(types, d.Body.Type), append(bodies, bareBody), append(mentions, "")
			words = append(words, fmt.Sprintf("c:%d %s", c.number, bareWords))
			expires, devices = append(expires, 0), append(devices, false)
			moved[d.Conv] = d
		}
		for key, d := range moved {
			at, last, moving = append(at, convs[key].number), append(last, convs[key].seq), append(moving, d.From)
		}
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			b.Fatal(err)
		}
		do := func(text string, args ...any) {
			if _, err := tx.ExecContext(ctx, text, args...); err != nil {
				b.Fatal(err)
			}
		}
		do(`INSERT INTO messages (conversation, seq, id, sender, client_id, time, type, body, mention, one_device, expires)
			SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::boolean[], $11::bigint[])`,
			numbers, seqs, ids, senders, clients, times, types, bodies, mentions, devices, expires)
		do(`INSERT INTO words (conversation, seq, words) SELECT c, s, array_to_tsvector(string_to_array(w, ' ')) FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS m (c, s, w)`,
			numbers, seqs, words)
		do(`UPDATE conversations c SET max_seq = m.s FROM unnest($1::bigint[], $2::bigint[]) AS m (c, s) WHERE c.id = m.c`, at, last)
		do(`UPDATE members p SET sent_seq = m.s FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS m (c, s, u) WHERE p.conversation = m.c AND p."user" = m.u`, at, last, moving)
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
		for range batch {
			took = append(took, time.Since(began))
		}
	}
	report(b, took, "sends/s")
}
