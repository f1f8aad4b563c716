package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"pushd/internal/chat"
)

const (
	// batchTimeout is what a transaction may take; then its senders are told 503.
	batchTimeout = 5 * time.Second
	// attempts is how often something is begun that others were in the way of.
	attempts = 5
)

// What a batch says on PostgreSQL: one statement for each table, whatever the
// number of messages, in two round trips. Other nodes write at the same time, so
// that conversations are made and locked in the order of their keys.
const (
	pgConverse = `INSERT INTO conversations (key)
		SELECT k FROM unnest($1::text[]) AS k WHERE NOT EXISTS (SELECT 1 FROM conversations c WHERE c.key = k)
		ON CONFLICT (key) DO NOTHING`
	pgLock = `SELECT c.id, c.key, c.max_seq, g.id IS NOT NULL,
		CASE WHEN c.key LIKE 's:%' OR c.key LIKE 'n:%' THEN (SELECT COUNT(*) FROM members m WHERE m.conversation = c.id) ELSE 0 END
		FROM conversations c
		LEFT JOIN groups g ON g.conversation = c.id WHERE c.key = ANY ($1::text[]) ORDER BY c.key FOR UPDATE OF c`
	pgBelong = `INSERT INTO members (conversation, "user", join_seq, since)
		SELECT id, who, seq, since FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[]) AS b (id, who, seq, since)
		ON CONFLICT (conversation, "user") DO NOTHING`
	pgDuplicates = `SELECT d.n FROM unnest($1::int[], $2::text[], $3::text[]) AS d (n, sender, client_id)
		JOIN messages m ON m.sender = d.sender AND m.client_id = d.client_id`
	pgMessages = `INSERT INTO messages (conversation, seq, id, sender, client_id, time, type, body, mention, one_device, expires)
		SELECT conversation, seq, id, sender, NULLIF(client_id, ''), time, type, body, mention, one_device, expires
		FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::boolean[], $11::bigint[])
		AS m (conversation, seq, id, sender, client_id, time, type, body, mention, one_device, expires)`
	pgAdvance = `UPDATE conversations c SET max_seq = a.seq, last_time = GREATEST(c.last_time, a.time)
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS a (id, seq, time) WHERE c.id = a.id`
	pgSent = `UPDATE members m SET sent_seq = a.seq
		FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS a (id, who, seq) WHERE m.conversation = a.id AND m."user" = a.who`
	pgMentions = `INSERT INTO mentions (conversation, "user", seq)
		SELECT id, who, seq FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS a (id, who, seq) ON CONFLICT DO NOTHING`
	pgWords = `INSERT INTO words (conversation, seq, words)
		SELECT id, seq, array_to_tsvector(string_to_array(words, ' ')) FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS a (id, seq, words)`
)

// commitPostgres writes a batch of messages in one transaction.
func (s *Store) commitPostgres(batch []*job) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), batchTimeout)
	defer cancel()
	w := s.writer
	for range attempts {
		if w.conn == nil {
			if w.conn, err = s.appends.Conn(ctx); errors.Is(err, driver.ErrBadConn) {
				continue
			} else if err != nil {
				return err
			}
		}
		err = w.conn.Raw(func(driverConn any) error {
			pg, ok := driverConn.(*stdlib.Conn)
			if !ok {
				return errors.New("the connection is not one of pgx")
			}
			return appendPostgres(ctx, pg.Conn(), batch)
		})
		switch {
		case err == nil:
			return nil
		case !passes(err):
			if !s.isRefusal(err) {
				w.dropConn()
			}
			return err
		}
	}
	return err
}

// passes tells whether the same batch may succeed at once: it met another node's
// in a deadlock, or both had the same client_id.
func passes(err error) bool {
	switch postgresCode(err) {
	case "40001", "40P01", "23505": // serialization_failure, deadlock_detected, unique_violation
		return true
	}
	return false
}

// dropConn gives the writer's connection up, for the next batch to take another.
func (w *writer) dropConn() {
	if w.conn != nil {
		_ = w.conn.Close() // what is wrong with it has been told
		w.conn = nil
	}
}

func appendPostgres(ctx context.Context, conn *pgx.Conn, batch []*job) (err error) {
	defer func() {
		// A rollback needs a server that still answers, whatever became of ctx.
		if err != nil && !conn.IsClosed() {
			undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			if _, failure := conn.Exec(undo, "rollback"); failure != nil {
				err = errors.Join(err, fmt.Errorf("roll back: %w", failure))
			}
		}
	}()
	p := &postgresBatch{convs: map[string]*open{}}
	if err := p.begin(ctx, conn, batch); err != nil {
		return err
	}
	p.number(batch)
	return p.finish(ctx, conn)
}

// postgresBatch is a batch on its way: the conversations it adds to, which of its
// jobs are duplicates, and then the columns of its rows.
type postgresBatch struct {
	convs      map[string]*open
	duplicates map[int]bool
	rows       []*sending
}

// begin makes and locks conversations, and finds duplicates.
func (p *postgresBatch) begin(ctx context.Context, conn *pgx.Conn, batch []*job) error {
	var keys, made []string
	var numbers []int32
	var senders, clients []string
	seen := map[string]bool{}
	for i, j := range batch {
		d := j.draft
		if !seen[d.Conv] {
			seen[d.Conv] = true
			keys = append(keys, d.Conv)
			if d.kind != chat.KindGroup {
				made = append(made, d.Conv)
			}
		}
		if d.ClientID != "" {
			numbers, senders, clients = append(numbers, int32(i)), append(senders, d.From), append(clients, d.ClientID)
		}
	}
	slices.Sort(keys)
	slices.Sort(made)
	b := &pgx.Batch{}
	b.Queue("begin")
	if len(made) > 0 {
		b.Queue(pgConverse, made)
	}
	b.Queue(pgLock, keys).Query(p.lock)
	if len(numbers) > 0 {
		b.Queue(pgDuplicates, numbers, senders, clients).Query(p.duplicate)
	}
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("begin a batch: %w", err)
	}
	return nil
}

func (p *postgresBatch) lock(rows pgx.Rows) error {
	for rows.Next() {
		conv := &open{sent: map[string]uint64{}}
		var key string
		var group bool
		if err := rows.Scan(&conv.number, &key, &conv.maxSeq, &group, &conv.seated); err != nil {
			return err
		}
		// A group that was dismissed has left its conversation behind.
		if group || !strings.HasPrefix(key, chat.KindGroup+":") {
			conv.first = conv.maxSeq
			p.convs[key] = conv
		}
	}
	return rows.Err()
}

func (p *postgresBatch) duplicate(rows pgx.Rows) error {
	p.duplicates = map[int]bool{}
	for rows.Next() {
		var n int32
		if err := rows.Scan(&n); err != nil {
			return err
		}
		p.duplicates[int(n)] = true
	}
	return rows.Err()
}

// number gives each message the next seq of its conversation, unless it is a
// duplicate: that takes none, or there would be a hole.
func (p *postgresBatch) number(batch []*job) {
	type client struct{ sender, id string }
	within := map[client]bool{}
	for i, j := range batch {
		d := j.draft
		conv := p.convs[d.Conv]
		if conv == nil {
			j.err = noConversation()
			continue
		}
		c := client{d.From, d.ClientID}
		d.duplicate = p.duplicates[i] || d.ClientID != "" && within[c]
		if d.duplicate {
			continue
		}
		within[c] = true
		conv.maxSeq++
		d.seq = conv.maxSeq
		conv.sent[d.From] = d.seq
		conv.last = max(conv.last, d.Time)
		p.rows = append(p.rows, d)
	}
}

// finish inserts the rows and commits.
func (p *postgresBatch) finish(ctx context.Context, conn *pgx.Conn) error {
	b := &pgx.Batch{}
	p.queueMembers(b)
	p.queueMessages(b)
	p.queuePlaces(b)
	p.queueIndex(b)
	b.Queue("commit")
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("commit a batch: %w", err)
	}
	return nil
}

// queueMembers puts those into their conversations who are in them from the
// beginning, where one is missing: because it is new, or because an account was
// deleted and made anew, which then begins where the conversation stood.
func (p *postgresBatch) queueMembers(b *pgx.Batch) {
	var numbers, seqs, since []int64
	var users []string
	seated := map[string]bool{}
	for _, d := range p.rows {
		if seated[d.Conv] {
			continue
		}
		seated[d.Conv] = true
		conv := p.convs[d.Conv]
		if conv.seated >= len(d.users) {
			continue
		}
		for _, user := range d.users {
			numbers, users = append(numbers, conv.number), append(users, user)
			seqs, since = append(seqs, int64(conv.first)), append(since, d.Time)
		}
	}
	if len(users) > 0 {
		b.Queue(pgBelong, numbers, users, seqs, since)
	}
}

func (p *postgresBatch) queueMessages(b *pgx.Batch) {
	n := len(p.rows)
	if n == 0 {
		return
	}
	numbers, seqs, times, expires := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	ids, senders, clients := make([]string, n), make([]string, n), make([]string, n)
	types, bodies, mentions := make([]string, n), make([]string, n), make([]string, n)
	devices := make([]bool, n)
	for i, d := range p.rows {
		numbers[i], seqs[i], times[i], expires[i] = p.convs[d.Conv].number, int64(d.seq), d.Time, d.Expires
		ids[i], senders[i], clients[i] = d.ID, d.From, d.ClientID
		types[i], bodies[i], mentions[i], devices[i] = d.Body.Type, d.body, d.mention, d.OneDevice
	}
	b.Queue(pgMessages, numbers, seqs, ids, senders, clients, times, types, bodies, mentions, devices, expires)
}

// queuePlaces moves the conversations and their senders on.
func (p *postgresBatch) queuePlaces(b *pgx.Batch) {
	var numbers, seqs, times, inNumber, inSeq []int64
	var users []string
	for _, key := range slices.Sorted(maps.Keys(p.convs)) {
		conv := p.convs[key]
		if len(conv.sent) == 0 {
			continue
		}
		numbers, seqs, times = append(numbers, conv.number), append(seqs, int64(conv.maxSeq)), append(times, conv.last)
		for _, user := range slices.Sorted(maps.Keys(conv.sent)) {
			inNumber, users, inSeq = append(inNumber, conv.number), append(users, user), append(inSeq, int64(conv.sent[user]))
		}
	}
	if len(numbers) > 0 {
		b.Queue(pgAdvance, numbers, seqs, times)
		b.Queue(pgSent, inNumber, users, inSeq)
	}
}

func (p *postgresBatch) queueIndex(b *pgx.Batch) {
	var mentionedIn, mentionedAt, wordsIn, wordsAt []int64
	var mentioned, found []string
	for _, d := range p.rows {
		number := p.convs[d.Conv].number
		for _, user := range d.Mention {
			mentionedIn, mentioned, mentionedAt = append(mentionedIn, number), append(mentioned, user), append(mentionedAt, int64(d.seq))
		}
		if len(d.words) > 0 {
			wordsIn, wordsAt = append(wordsIn, number), append(wordsAt, int64(d.seq))
			found = append(found, conversationWord(number)+" "+strings.Join(d.words, " "))
		}
	}
	if len(mentioned) > 0 {
		b.Queue(pgMentions, mentionedIn, mentioned, mentionedAt)
	}
	if len(found) > 0 {
		b.Queue(pgWords, wordsIn, wordsAt, found)
	}
}
