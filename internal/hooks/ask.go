package hooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/webhook"
)

// What a backend may answer.
const (
	actionAllow  = "allow"
	actionChange = "change"
	actionRefuse = "refuse"
)

// maxReason is how many bytes of a refusal's message reach the client.
const maxReason = 256

// answer is a backend's verdict. An empty body and {} are allow.
type answer struct {
	Action  string     `json:"action"`
	Body    *chat.Body `json:"body"`    // of change
	Code    int        `json:"code"`    // of refuse; 403 if 0
	Message string     `json:"message"` // of refuse; shown to the user
}

// BeforeSend implements chat.Hooks: the backend may let the message be, give it
// another body, or refuse it. The error is a *codec.Error.
func (h *Hooks) BeforeSend(ctx context.Context, d *chat.Draft) error {
	if !h.chosen[BeforeSend] {
		return nil
	}
	a, err := h.ask(ctx, BeforeSend, draft{
		ID: d.ID, Conv: d.Conv, From: d.From, Body: d.Body,
		ClientID: d.ClientID, Mention: d.Mention, Expires: d.Expires,
	})
	if err != nil {
		return err
	}
	if a.Action == actionChange {
		d.Body = *a.Body
	}
	return nil
}

// BeforeLogin asks whether a user whose credentials are good may log in. The error is a
// *codec.Error.
func (h *Hooks) BeforeLogin(ctx context.Context, id account.Identity) error {
	if !h.chosen[BeforeLogin] {
		return nil
	}
	_, err := h.ask(ctx, BeforeLogin, h.session(id, ""))
	return err
}

// ask waits for the verdict. What the backend doesn't answer is as the options
// have it.
func (h *Hooks) ask(ctx context.Context, what string, data any) (answer, error) {
	q := question{Type: what, ID: webhook.NewID(), Time: time.Now().UnixMilli(), origin: h.origin, Data: data}
	body, err := json.Marshal(q)
	if err != nil {
		return answer{}, fmt.Errorf("ask a backend: %w", err)
	}
	a, err := h.verdict(ctx, what, q.ID, body)
	switch {
	case err == nil && a.Action == actionRefuse:
		return answer{}, a.refusal()
	case err == nil:
		return a, nil
	case ctx.Err() != nil:
		return answer{}, ctx.Err() // nobody waits for the message any more
	case h.opts.Allow:
		return answer{Action: actionAllow}, nil
	}
	e := codec.Errorf(codec.CodeUnavailable, "what decides about this can't be reached now; try again later")
	e.Cause = err
	return answer{}, e
}

func (h *Hooks) verdict(ctx context.Context, what, id string, body []byte) (answer, error) {
	reply, err := h.asks.Call(ctx, id, body)
	if err != nil {
		return answer{}, err
	}
	var a answer
	if len(bytes.TrimSpace(reply)) > 0 {
		if err = json.Unmarshal(reply, &a); err != nil {
			// Not err's text: it may quote what the backend said.
			err = errors.New("the reply is not as described")
		}
	}
	if err == nil {
		err = a.check(what)
	}
	if err != nil {
		h.log.Warn("a backend's answer can't be understood",
			slog.String("type", what), slog.String("id", id), slog.Any("error", err))
		return answer{}, webhook.BadReply(err)
	}
	return a, nil
}

// check says what is wrong with an answer.
func (a *answer) check(what string) error {
	switch a.Action {
	case "", actionAllow:
		return nil
	case actionRefuse:
		switch a.Code {
		case 0, codec.CodeMalformed, codec.CodeForbidden, codec.CodeNotFound, codec.CodeConflict,
			codec.CodeTooLarge, codec.CodeTooMany:
			return nil
		}
		return errors.New("code is one of 400, 403, 404, 409, 413 and 429")
	case actionChange:
		if what != BeforeSend {
			return errors.New("there is nothing to change")
		}
		if a.Body == nil || a.Body.Type == "" {
			return errors.New("change needs a body with its type")
		}
		return nil
	}
	return errors.New("action is allow, change or refuse")
}

// refusal is what the user is told.
func (a *answer) refusal() error {
	code, text := a.Code, strings.ToValidUTF8(a.Message, "")
	if code == 0 {
		code = codec.CodeForbidden
	}
	if len(text) > maxReason {
		cut := maxReason
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut]
	}
	if text == "" {
		text = "refused by the site"
	}
	return codec.Errorf(code, "%s", text)
}
