package store

import (
	"context"
	"strings"
	"unicode/utf8"

	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/store/commit"
)

// maxClientID bounds what goes into an index.
const maxClientID = 256 // bytes

// draft is a chat.Draft made ready for its rows, and what became of it.
type draft struct {
	chat.Draft
	kind    string
	users   []string // the members of the conversation from its beginning
	body    string   // column
	mention string   // column
	words   []string

	// Written by the engine, for the caller to read once the work is done.
	seq       uint64
	duplicate bool
}

// Append implements chat.Messages.
func (s *Store) Append(ctx context.Context, d chat.Draft) (m chat.Message, duplicate bool, err error) {
	defer s.answer("message.append", &err)
	ready, err := newDraft(d)
	if err != nil {
		return chat.Message{}, false, err
	}
	if ctx.Err() != nil {
		return chat.Message{}, false, commit.GaveUp(ctx)
	}
	if err := s.writer.Submit(ctx, work{message: ready}); err != nil {
		return chat.Message{}, false, err
	}
	if ready.duplicate {
		m, err := s.oneMessage(ctx, d.From, d.Time, sqlMessageByClientID, d.From, d.ClientID)
		return m, true, err
	}
	return chat.Message{
		ID: d.ID, Conv: d.Conv, Seq: ready.seq, From: d.From, Body: d.Body, Time: d.Time,
		ClientID: d.ClientID, Mention: d.Mention, Expires: d.Expires, OneDevice: d.OneDevice,
	}, false, nil
}

// newDraft does all that needs no database, in the caller's goroutine.
func newDraft(d chat.Draft) (*draft, error) {
	kind, users, ok := splitKey(d.Conv)
	if !ok {
		return nil, conversationNotFound()
	}
	for _, text := range append([]string{d.ID, d.Conv, d.From, d.ClientID, d.Body.Type}, d.Mention...) {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return nil, codec.Errorf(codec.CodeMalformed, "ids are UTF-8 without NUL")
		}
	}
	if len(d.ClientID) > maxClientID {
		return nil, codec.Errorf(codec.CodeMalformed, "client_id is over %d bytes", maxClientID)
	}
	body, err := encodeBody(d.Body)
	if err != nil {
		return nil, err
	}
	mention, err := encodeMention(d.Mention)
	if err != nil {
		return nil, err
	}
	return &draft{Draft: d, kind: kind, users: users, body: body, mention: mention, words: indexedWords(d.Body)}, nil
}

// receivingGroupNotFound is the error of a message to a group that isn't there. All
// other conversations are begun by their first message.
func receivingGroupNotFound() error { return codec.Errorf(codec.CodeNotFound, "no such group") }
