package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"pushd/internal/chat"
	"pushd/internal/metrics"
	"pushd/internal/webhook"
)

// EventMessage is the type of what a bot is posted.
const EventMessage = "bot.message"

// said is the body of the call that hands a message to a bot.
type said struct {
	Type string   `json:"type"`
	ID   string   `json:"id"` // the same when it is posted again
	Time int64    `json:"time"`
	Node string   `json:"node"`
	Data saidData `json:"data"`
}

type saidData struct {
	Bot     string       `json:"bot"` // its user id
	Message chat.Message `json:"message"`
}

// reply is what a bot may answer: nothing, or messages in their order.
type reply struct {
	Messages []chat.Body `json:"messages"`
}

// remote makes a bot of a webhook.
func (b *Bots) remote(r Remote, o Options, m *metrics.Metrics) (*listener, error) {
	if r.Timeout <= 0 {
		r.Timeout = 10 * time.Second
	}
	client, err := webhook.NewClient(webhook.Options{
		Name: label(r.Name), URL: r.URL, Secret: r.Secret, Timeout: r.Timeout, Concurrency: o.Workers, MaxReply: 256 << 10,
	}, m, b.log)
	if err != nil {
		return nil, err
	}
	user := Prefix + r.Name
	return &listener{
		name:   r.Name,
		client: client,
		think: func(ctx context.Context, m chat.Message) ([]chat.Body, error) {
			id := m.ID + "-" + r.Name // a mention may reach several bots
			body, err := json.Marshal(said{
				Type: EventMessage, ID: id, Time: time.Now().UnixMilli(), Node: b.node, Data: saidData{user, m},
			})
			if err != nil {
				return nil, errors.New("a message can't be encoded")
			}
			text, err := client.Call(ctx, id, body)
			if err != nil {
				return nil, err
			}
			return parseReply(text)
		},
	}, nil
}

// parseReply reads what a bot answers. Whether a body is well made is for the
// chat service to say.
func parseReply(text []byte) ([]chat.Body, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	var r reply
	if err := json.Unmarshal(text, &r); err != nil {
		// Not err's text: it may quote what the bot said.
		return nil, webhook.BadReply(errors.New(`the reply is not {"messages":[…]}`))
	}
	if len(r.Messages) > maxAnswers {
		return nil, webhook.BadReply(fmt.Errorf("the reply has %d messages, at most %d may be", len(r.Messages), maxAnswers))
	}
	return r.Messages, nil
}
