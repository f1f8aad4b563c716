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
	"pushd/internal/store/commit"
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
	pgBeginConversations = `INSERT INTO conversations (key)
		SELECT k FROM unnest($1::text[]) AS k WHERE NOT EXISTS (SELECT 1 FROM conversations c WHERE c.key = k)
		ON CONFLICT (key) DO NOTHING`
	pgLock = `SELECT c.id, c.key, c.max_seq, g.id IS NOT NULL,
		CASE WHEN c.key LIKE 's:%' OR c.key LIKE 'n:%'
			THEN (SELECT COUNT(*) FROM members m WHERE m.conversation = c.id) ELSE 0 END
		FROM conversations c
		LEFT JOIN groups g ON g.conversation = c.id WHERE c.key = ANY ($1::text[]) ORDER BY c.key FOR UPDATE OF c`
	pgAddMembers = `INSERT INTO members (conversation, "user", join_seq, since)
		SELECT id, who, seq, since FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[]) AS b (id, who, seq, since)
		ON CONFLICT (conversation, "user") DO NOTHING`
	pgFindDuplicates = `SELECT d.n FROM unnest($1::int[], $2::text[], $3::text[]) AS d (n, sender, client_id)
		JOIN messages m ON m.sender = d.sender AND m.client_id = d.client_id`
	pgInsertMessages = `INSERT INTO messages
		(conversation, seq, id, sender, client_id, time, type, body, mention, one_device, expires)
		SELECT conversation, seq, id, sender, NULLIF(client_id, ''), time, type, body, mention, one_device, expires
		FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[],
			$7::text[], $8::text[], $9::text[], $10::boolean[], $11::bigint[])
		AS m (conversation, seq, id, sender, client_id, time, type, body, mention, one_device, expires)`
	pgAdvance = `UPDATE conversations c SET max_seq = a.seq, last_time = GREATEST(c.last_time, a.time)
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS a (id, seq, time) WHERE c.id = a.id`
	pgSetSent = `UPDATE members m SET sent_seq = a.seq
		FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS a (id, who, seq)
		WHERE m.conversation = a.id AND m."user" = a.who`
	pgInsertMentions = `INSERT INTO mentions (conversation, "user", seq)
		SELECT id, who, seq FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS a (id, who, seq) ON CONFLICT DO NOTHING`
	pgInsertWords = `INSERT INTO words (conversation, seq, words)
		SELECT id, seq, array_to_tsvector(string_to_array(words, ' '))
		FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS a (id, seq, words)`
)

// postgresMaxBatch is how much work shares a commit. It is less than SQLite's, as a
// commit costs less beside its rows: while the server works on one batch, this process
// answers the senders of the last one.
const postgresMaxBatch = 300

func (*postgresEngine) maxBatch() int { return postgresMaxBatch }

// Probe implements commit.Database.
func (e *postgresEngine) Probe(ctx context.Context) error { return e.writes.PingContext(ctx) }

// Committed implements commit.Database.
func (*postgresEngine) Committed(w work) { w.committed() }

// Commit implements commit.Database: it writes a batch, which holds messages alone, in
// one transaction.
func (e *postgresEngine) Commit(batch []*commit.Job[work]) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), batchTimeout)
	defer cancel()
	for range attempts {
		if e.conn == nil {
			if e.conn, err = e.appends.Conn(ctx); errors.Is(err, driver.ErrBadConn) {
				continue
			} else if err != nil {
				return fmt.Errorf("connect: %w", err)
			}
		}
		err = e.conn.Raw(func(driverConn any) error {
			pg, ok := driverConn.(*stdlib.Conn)
			if !ok {
				return errors.New("the connection is not one of pgx")
			}
			return appendMessages(ctx, pg.Conn(), batch)
		})
		switch {
		case err == nil:
			return nil
		case !mayPass(err):
			if !e.Refuses(err) {
				e.dropConn()
			}
			return err
		}
	}
	return err
}

// dropConn gives the writer's connection up, for the next batch to take another.
func (e *postgresEngine) dropConn() {
	if e.conn != nil {
		_ = e.conn.Close() // what is wrong with it has been told
		e.conn = nil
	}
}

func appendMessages(ctx context.Context, conn *pgx.Conn, batch []*commit.Job[work]) (err error) {
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
	p := &postgresBatch{convs: map[string]*postgresConversation{}}
	if err := p.begin(ctx, conn, batch); err != nil {
		return err
	}
	p.number(batch)
	return p.finish(ctx, conn)
}

// postgresConversation is a conversation that a batch adds to.
type postgresConversation struct {
	id       int64
	maxSeq   uint64
	firstSeq uint64            // maxSeq before this batch
	present  int               // how many of its users are members, of a single chat or notices
	lastTime int64             // of its newest message in this batch
	sent     map[string]uint64 // the last seq of each sender in this batch
}

// postgresBatch is a batch on its way: the conversations it adds to, which of its
// jobs are duplicates, and then the columns of its rows.
type postgresBatch struct {
	convs      map[string]*postgresConversation
	duplicates map[int]bool
	rows       []*draft
}

// begin makes and locks conversations, and finds duplicates.
func (p *postgresBatch) begin(ctx context.Context, conn *pgx.Conn, batch []*commit.Job[work]) error {
	var keys, begun []string
	var indexes []int32
	var senders, clients []string
	seen := map[string]bool{}
	for i, j := range batch {
		d := j.Work.message
		if !seen[d.Conv] {
			seen[d.Conv] = true
			keys = append(keys, d.Conv)
			if d.kind != chat.KindGroup {
				begun = append(begun, d.Conv)
			}
		}
		if d.ClientID != "" {
			indexes, senders, clients = append(indexes, int32(i)), append(senders, d.From), append(clients, d.ClientID)
		}
	}
	slices.Sort(keys)
	slices.Sort(begun)
	b := &pgx.Batch{}
	b.Queue("begin")
	if len(begun) > 0 {
		b.Queue(pgBeginConversations, begun)
	}
	b.Queue(pgLock, keys).Query(p.lock)
	if len(indexes) > 0 {
		b.Queue(pgFindDuplicates, indexes, senders, clients).Query(p.duplicate)
	}
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("begin a batch: %w", err)
	}
	return nil
}

func (p *postgresBatch) lock(rows pgx.Rows) error {
	for rows.Next() {
		conv := &postgresConversation{sent: map[string]uint64{}}
		var key string
		var group bool
		if err := rows.Scan(&conv.id, &key, &conv.maxSeq, &group, &conv.present); err != nil {
			return err
		}
		// A group that was dismissed has left its conversation behind.
		if group || !strings.HasPrefix(key, chat.KindGroup+":") {
			conv.firstSeq = conv.maxSeq
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
func (p *postgresBatch) number(batch []*commit.Job[work]) {
	type client struct{ sender, id string }
	within := map[client]bool{}
	for i, j := range batch {
		d := j.Work.message
		conv := p.convs[d.Conv]
		if conv == nil {
			j.Fail(receivingGroupNotFound())
			continue
		}
		j.Fail(nil) // of an attempt before
		c := client{d.From, d.ClientID}
		d.duplicate = p.duplicates[i] || d.ClientID != "" && within[c]
		if d.duplicate {
			continue
		}
		within[c] = true
		conv.maxSeq++
		d.seq = conv.maxSeq
		conv.sent[d.From] = d.seq
		conv.lastTime = max(conv.lastTime, d.Time)
		p.rows = append(p.rows, d)
	}
}

// finish inserts the rows and commits.
func (p *postgresBatch) finish(ctx context.Context, conn *pgx.Conn) error {
	b := &pgx.Batch{}
	p.queueMembers(b)
	p.queueMessages(b)
	p.queueAdvances(b)
	p.queueIndex(b)
	b.Queue("commit")
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("commit a batch: %w", err)
	}
	return nil
}

// queueMembers adds the users that a key names where one is missing in their
// conversation: because it is new, or because an account was deleted and made anew,
// which then begins where the conversation stood.
func (p *postgresBatch) queueMembers(b *pgx.Batch) {
	var convIDs, seqs, since []int64
	var users []string
	added := map[string]bool{}
	for _, d := range p.rows {
		if added[d.Conv] {
			continue
		}
		added[d.Conv] = true
		conv := p.convs[d.Conv]
		if conv.present >= len(d.users) {
			continue
		}
		for _, user := range d.users {
			convIDs, users = append(convIDs, conv.id), append(users, user)
			seqs, since = append(seqs, int64(conv.firstSeq)), append(since, d.Time)
		}
	}
	if len(users) > 0 {
		b.Queue(pgAddMembers, convIDs, users, seqs, since)
	}
}

func (p *postgresBatch) queueMessages(b *pgx.Batch) {
	n := len(p.rows)
	if n == 0 {
		return
	}
	convIDs, seqs, times, expires := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	ids, senders, clients := make([]string, n), make([]string, n), make([]string, n)
	types, bodies, mentions := make([]string, n), make([]string, n), make([]string, n)
	devices := make([]bool, n)
	for i, d := range p.rows {
		convIDs[i], seqs[i], times[i], expires[i] = p.convs[d.Conv].id, int64(d.seq), d.Time, d.Expires
		ids[i], senders[i], clients[i] = d.ID, d.From, d.ClientID
		types[i], bodies[i], mentions[i], devices[i] = d.Body.Type, d.body, d.mention, d.OneDevice
	}
	b.Queue(pgInsertMessages, convIDs, seqs, ids, senders, clients, times, types, bodies, mentions, devices, expires)
}

// queueAdvances writes down how far the batch has moved the conversations and their
// senders.
func (p *postgresBatch) queueAdvances(b *pgx.Batch) {
	var convIDs, seqs, times, senderConvIDs, senderSeqs []int64
	var users []string
	for _, key := range slices.Sorted(maps.Keys(p.convs)) {
		conv := p.convs[key]
		if len(conv.sent) == 0 {
			continue
		}
		convIDs, seqs, times = append(convIDs, conv.id), append(seqs, int64(conv.maxSeq)), append(times, conv.lastTime)
		for _, user := range slices.Sorted(maps.Keys(conv.sent)) {
			users = append(users, user)
			senderConvIDs, senderSeqs = append(senderConvIDs, conv.id), append(senderSeqs, int64(conv.sent[user]))
		}
	}
	if len(convIDs) > 0 {
		b.Queue(pgAdvance, convIDs, seqs, times)
		b.Queue(pgSetSent, senderConvIDs, users, senderSeqs)
	}
}

func (p *postgresBatch) queueIndex(b *pgx.Batch) {
	var mentionedIn, mentionedAt, wordsIn, wordsAt []int64
	var mentioned, found []string
	for _, d := range p.rows {
		convID := p.convs[d.Conv].id
		for _, user := range d.Mention {
			mentioned = append(mentioned, user)
			mentionedIn, mentionedAt = append(mentionedIn, convID), append(mentionedAt, int64(d.seq))
		}
		if len(d.words) > 0 {
			wordsIn, wordsAt = append(wordsIn, convID), append(wordsAt, int64(d.seq))
			found = append(found, wordsColumn(convID, d.words))
		}
	}
	if len(mentioned) > 0 {
		b.Queue(pgInsertMentions, mentionedIn, mentioned, mentionedAt)
	}
	if len(found) > 0 {
		b.Queue(pgInsertWords, wordsIn, wordsAt, found)
	}
}
