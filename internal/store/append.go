package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

// maxClientID bounds what goes into an index.
const maxClientID = 256 // bytes

// sending is a draft made ready for its rows, and what became of it.
type sending struct {
	chat.Draft
	kind    string
	users   []string // who is in the conversation from its beginning
	body    string   // column
	mention string   // column
	words   []string

	// Written by the writer, for the caller to read when the job is done.
	seq       uint64
	duplicate bool
}

// Append implements chat.Messages.
func (s *Store) Append(ctx context.Context, d chat.Draft) (m chat.Message, duplicate bool, err error) {
	draft, err := newSending(d)
	if err != nil {
		return chat.Message{}, false, err
	}
	if err := ctx.Err(); err != nil {
		return chat.Message{}, false, gaveUp(ctx)
	}
	if err := s.writer.submit(ctx, &job{draft: draft, done: make(chan struct{})}); err != nil {
		return chat.Message{}, false, err
	}
	if draft.duplicate {
		m, err := s.firstSent(ctx, d.From, d.ClientID, d.Time)
		return m, true, err
	}
	return chat.Message{
		ID: d.ID, Conv: d.Conv, Seq: draft.seq, From: d.From, Body: d.Body, Time: d.Time,
		ClientID: d.ClientID, Mention: d.Mention, Expires: d.Expires, OneDevice: d.OneDevice,
	}, false, nil
}

// newSending does all that needs no database, in the caller's goroutine.
func newSending(d chat.Draft) (*sending, error) {
	kind, users, ok := keyMembers(d.Conv)
	if !ok {
		return nil, noConversation()
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
	return &sending{Draft: d, kind: kind, users: users, body: body, mention: mention, words: words(d.Body)}, nil
}

// firstSent is the message that a client_id stands for already.
func (s *Store) firstSent(ctx context.Context, sender, clientID string, now int64) (chat.Message, error) {
	return s.oneMessage(ctx, sender, now, `WHERE m.sender = $2 AND m.client_id = $3`, sender, clientID)
}

// content is chat.Body without its type, which is a column of its own.
type content struct {
	Text     string          `json:"text,omitempty"`
	URL      string          `json:"url,omitempty"`
	Name     string          `json:"name,omitempty"`
	Size     int64           `json:"size,omitempty"`
	Width    int             `json:"width,omitempty"`
	Height   int             `json:"height,omitempty"`
	Duration int             `json:"duration,omitempty"`
	Thumb    string          `json:"thumb,omitempty"`
	Data     json.RawMessage `json:"data,omitempty"`
}

func encodeBody(b chat.Body) (string, error) {
	// Marshal would write < > & of a text and of data in six bytes each.
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(content{b.Text, b.URL, b.Name, b.Size, b.Width, b.Height, b.Duration, b.Thumb, b.Data}); err != nil {
		return "", codec.Errorf(codec.CodeMalformed, "data is no JSON object")
	}
	return strings.TrimSuffix(text.String(), "\n"), nil
}

func decodeBody(kind, text string) (chat.Body, error) {
	var c content
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return chat.Body{}, fmt.Errorf("read a message's body: %w", err)
	}
	return chat.Body{
		Type: kind, Text: c.Text, URL: c.URL, Name: c.Name, Size: c.Size, Width: c.Width, Height: c.Height,
		Duration: c.Duration, Thumb: c.Thumb, Data: c.Data,
	}, nil
}

func encodeMention(users []string) (string, error) {
	if len(users) == 0 {
		return "", nil
	}
	text, err := json.Marshal(users)
	return string(text), err
}

func decodeMention(text string) (users []string, err error) {
	if text == "" {
		return nil, nil
	}
	err = json.Unmarshal([]byte(text), &users)
	return users, err
}
