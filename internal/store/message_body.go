package store

import (
	"encoding/json"
	"fmt"
	"strings"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

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
	c := content{b.Text, b.URL, b.Name, b.Size, b.Width, b.Height, b.Duration, b.Thumb, b.Data}
	// Marshal would write < > & of a text and of data in six bytes each.
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(c); err != nil {
		return "", codec.Errorf(codec.CodeMalformed, "data is no JSON object")
	}
	return strings.TrimSuffix(text.String(), "\n"), nil
}

func decodeBody(bodyType, text string) (chat.Body, error) {
	var c content
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return chat.Body{}, fmt.Errorf("decode a message's body: %w", err)
	}
	return chat.Body{
		Type: bodyType, Text: c.Text, URL: c.URL, Name: c.Name, Size: c.Size, Width: c.Width, Height: c.Height,
		Duration: c.Duration, Thumb: c.Thumb, Data: c.Data,
	}, nil
}

func encodeMention(users []string) (string, error) {
	if len(users) == 0 {
		return "", nil
	}
	text, err := json.Marshal(users)
	if err != nil {
		return "", fmt.Errorf("encode a message's mentions: %w", err)
	}
	return string(text), nil
}

func decodeMention(text string) (users []string, err error) {
	if text == "" {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(text), &users); err != nil {
		return nil, fmt.Errorf("decode a message's mentions: %w", err)
	}
	return users, nil
}
