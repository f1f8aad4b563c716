package chattest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

// maxVersions is how often one message can be edited.
const maxVersions = 100

// Page implements chat.Messages.
func (s *Store) Page(_ context.Context, reader, key string, q chat.PageQuery) ([]chat.Message, bool, error) {
	if err := s.begin("Page"); err != nil {
		return nil, false, err
	}
	defer s.mu.Unlock()
	page := []chat.Message{}
	c, err := s.readable(key)
	if err != nil || c == nil {
		return page, false, err
	}
	forward := q.Forward || q.After > 0
	for _, r := range c.rows {
		if r.m.Seq > q.From && (forward && r.m.Seq > q.After || !forward && (q.Before == 0 || r.m.Seq < q.Before)) {
			page = append(page, c.view(r, reader, q.Now))
		}
	}
	if !forward {
		slices.Reverse(page)
	}
	return page[:min(q.Limit, len(page))], len(page) > q.Limit, nil
}

// readable finds a conversation; notices and broadcasts that nobody has sent yet are no
// error, and nil.
func (s *Store) readable(key string) (*conversation, error) {
	c := s.convs[key]
	kind, _, _, ok := chat.ParseKey(key)
	if c == nil && (!ok || kind != chat.KindNotice && kind != chat.KindBroadcast) {
		return nil, notFound("conversation")
	}
	return c, nil
}

// Message implements chat.Messages.
func (s *Store) Message(_ context.Context, reader, id string) (chat.Message, error) {
	if err := s.begin("Message"); err != nil {
		return chat.Message{}, err
	}
	defer s.mu.Unlock()
	r, ok := s.rows[id]
	if !ok {
		return chat.Message{}, notFound("message")
	}
	c := s.convs[r.m.Conv]
	if m := c.members[reader]; m != nil && m.JoinSeq >= r.m.Seq {
		return chat.Message{}, notFound("message")
	}
	return c.view(r, reader, 0), nil
}

// Changed implements chat.Messages.
func (s *Store) Changed(
	_ context.Context, reader, key string, rev, upTo uint64, limit int, now int64,
) ([]chat.Message, bool, error) {
	if err := s.begin("Changed"); err != nil {
		return nil, false, err
	}
	defer s.mu.Unlock()
	c, m, err := s.membership(key, reader)
	if err != nil || c == nil {
		return nil, false, err
	}
	page := []chat.Message{}
	for _, r := range c.rows {
		if r.rev > rev && r.m.Seq <= upTo && r.m.Seq > m.JoinSeq {
			page = append(page, c.view(r, reader, now))
		}
	}
	slices.SortFunc(page, func(a, b chat.Message) int { return cmp.Compare(a.Rev, b.Rev) })
	return page[:min(limit, len(page))], len(page) > limit, nil
}

// change is what all changes of a message have in common.
func (s *Store) change(id string, now int64, f func(*row) (changed bool, err error)) (chat.Message, uint64, bool,
	error,
) {
	r, ok := s.rows[id]
	switch {
	case !ok:
		return chat.Message{}, 0, false, notFound("message")
	case r.m.Type == chat.TypeRecalled:
		return chat.Message{}, 0, false, codec.Errorf(codec.CodeConflict, "this message was recalled")
	case r.expired(now):
		return chat.Message{}, 0, false, codec.Errorf(codec.CodeNotFound, "this message has expired")
	}
	changed, err := f(r)
	if err != nil {
		return chat.Message{}, 0, false, err
	}
	c := s.convs[r.m.Conv]
	if changed {
		c.rev++
		r.rev = c.rev
	}
	return c.view(r, "", now), c.rev, changed, nil
}

// Recall implements chat.Messages.
func (s *Store) Recall(_ context.Context, id string, now int64) (chat.Message, uint64, error) {
	if err := s.begin("Recall"); err != nil {
		return chat.Message{}, 0, err
	}
	defer s.mu.Unlock()
	m, rev, _, err := s.change(id, now, func(r *row) (bool, error) {
		r.clear(chat.TypeRecalled)
		return true, nil
	})
	return m, rev, err
}

// Edit implements chat.Messages.
func (s *Store) Edit(_ context.Context, id string, body chat.Body, mention []string, now int64) (chat.Message,
	uint64, error,
) {
	if err := s.begin("Edit"); err != nil {
		return chat.Message{}, 0, err
	}
	defer s.mu.Unlock()
	m, rev, _, err := s.change(id, now, func(r *row) (bool, error) {
		if len(r.versions) >= maxVersions {
			return false, codec.Errorf(codec.CodeTooMany, "this message was edited %d times, which is the most", maxVersions)
		}
		r.versions = append(r.versions, chat.Version{Body: r.m.Body, Time: now})
		r.m.Body, r.m.Mention, r.m.Edited = body, mention, now
		return true, nil
	})
	return m, rev, err
}

// Versions implements chat.Messages.
func (s *Store) Versions(_ context.Context, id string) ([]chat.Version, error) {
	if err := s.begin("Versions"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	r, ok := s.rows[id]
	if !ok {
		return nil, notFound("message")
	}
	return append([]chat.Version{}, r.versions...), nil
}

// React implements chat.Messages.
func (s *Store) React(
	_ context.Context, id, user, sign string, on bool, now int64,
) (chat.Message, uint64, bool, error) {
	if err := s.begin("React"); err != nil {
		return chat.Message{}, 0, false, err
	}
	defer s.mu.Unlock()
	return s.change(id, now, func(r *row) (bool, error) {
		at := slices.IndexFunc(r.reactions, func(o reaction) bool { return o.sign == sign && o.user == user })
		if at >= 0 == on {
			return false, nil
		}
		if !on {
			r.reactions = slices.Delete(r.reactions, at, at+1)
			return true, nil
		}
		signs := map[string]bool{sign: true}
		for _, o := range r.reactions {
			signs[o.sign] = true
		}
		if len(signs) > chat.MaxSigns {
			return false, codec.Errorf(codec.CodeTooMany, "this message has %d different reactions, which is the most",
				chat.MaxSigns)
		}
		r.reactions = append(r.reactions, reaction{sign, user, now})
		return true, nil
	})
}

// Hide implements chat.Messages.
func (s *Store) Hide(_ context.Context, key, user string, seqs []uint64) error {
	if err := s.begin("Hide"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	c, m, err := s.membership(key, user)
	if err != nil || c == nil {
		return err
	}
	if c.hidden[user] == nil {
		c.hidden[user] = map[uint64]bool{}
	}
	for _, seq := range seqs {
		if seq > m.JoinSeq && seq <= c.maxSeq() {
			c.hidden[user][seq] = true
		}
	}
	return nil
}

// Expire implements chat.Messages.
func (s *Store) Expire(_ context.Context, now int64, limit int) (int, error) {
	if err := s.begin("Expire"); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	var due []*row
	for _, r := range s.rows {
		if r.m.Expires > 0 && r.m.Expires <= now {
			due = append(due, r)
		}
	}
	slices.SortFunc(due, func(a, b *row) int { return cmp.Compare(a.m.Expires, b.m.Expires) })
	due = due[:min(limit, len(due))]
	for _, r := range due {
		r.clear(chat.TypeGone)
	}
	return len(due), nil
}

// Search implements chat.Messages.
func (s *Store) Search(
	_ context.Context, user, text, key string, limit int, cursor string, now int64,
) ([]chat.Message, string, error) {
	if err := s.begin("Search"); err != nil {
		return nil, "", err
	}
	defer s.mu.Unlock()
	if key != "" {
		if _, _, err := s.membership(key, user); err != nil {
			return nil, "", err
		}
	}
	asked := splitWords(text)
	found := []chat.Message{}
	for k, c := range s.convs {
		member := c.members[user]
		if member == nil || key != "" && key != k || len(asked) == 0 {
			continue
		}
		for _, r := range c.rows {
			if m := c.view(r, user, now); m.Seq > member.JoinSeq && hasWords(m.Text+" "+m.Name, asked) {
				found = append(found, m)
			}
		}
	}
	slices.SortFunc(found, func(a, b chat.Message) int { return strings.Compare(b.ID, a.ID) })
	return pageOf(found, limit, cursor)
}

// hasWords tells whether a text has all the words: a word of letters as a whole, a run
// of a script without spaces also as a part of a longer one.
func hasWords(text string, asked []string) bool {
	words := splitWords(text)
	for _, want := range asked {
		if !slices.ContainsFunc(words, func(word string) bool {
			return word == want || isUnspaced([]rune(want)[0]) && strings.Contains(word, want)
		}) {
			return false
		}
	}
	return true
}

// splitWords are the runs of letters and digits in lower case; where a script that has
// no spaces begins or ends, so does a word.
func splitWords(text string) []string {
	var spaced strings.Builder
	before := false
	for _, r := range strings.ToLower(text) {
		if unspaced := isUnspaced(r); unspaced != before {
			spaced.WriteByte(' ')
			before = unspaced
		}
		spaced.WriteRune(r)
	}
	return strings.FieldsFunc(spaced.String(), func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.M,
			unicode.N)
	})
}

func isUnspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai)
}
