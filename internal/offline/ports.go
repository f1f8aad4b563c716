package offline

import (
	"context"

	"pushd/internal/account"
)

// Token is what a push service knows a phone by.
type Token struct {
	User     string `json:"user"`
	Device   string `json:"device"`   // unique among the user's tokens
	Provider string `json:"provider"` // fcm, apns, …: what the gateway calls it
	Platform string `json:"platform"`
	Token    string `json:"token"`
	Time     int64  `json:"time"` // of registration, Unix milliseconds
}

// Tokens keeps push tokens. Errors are *codec.Error: 503 (temporary) when the
// database can't answer now.
type Tokens interface {
	// PutPushToken keeps one token, in place of the one that the device had and of
	// whoever else had this token: a phone belongs to who used it last. Over limit the
	// user's oldest go.
	PutPushToken(ctx context.Context, t Token, limit int) error
	// DeletePushToken takes a device's token away; false when there was none.
	DeletePushToken(ctx context.Context, user, device string) (bool, error)
	// PushTokens are those of the users, in the order of users and devices.
	PushTokens(ctx context.Context, users []string) ([]Token, error)
	// ForgetPushTokens takes away those that still stand with these users, devices
	// and tokens.
	ForgetPushTokens(ctx context.Context, tokens []Token) error
}

// Names tells what users are called. account.Store is one.
type Names interface {
	Users(ctx context.Context, ids []string) ([]account.User, error)
}

// Notification is what one phone is to show.
type Notification struct {
	ID       string            `json:"id"` // the message's
	User     string            `json:"user"`
	Device   string            `json:"device"`
	Provider string            `json:"provider"`
	Platform string            `json:"platform"`
	Token    string            `json:"token"`
	Title    string            `json:"title"`
	Text     string            `json:"text"`
	Collapse string            `json:"collapse"` // a newer one with the same takes its place on the phone
	Data     map[string]string `json:"data"`     // for the app: conv, seq, from, type
}

// Result is what became of a notification; the zero Result is that it was taken.
type Result struct {
	Gone  bool   `json:"gone,omitempty"`  // the token is worth nothing any more
	Retry bool   `json:"retry,omitempty"` // it may be taken later
	Error string `json:"error,omitempty"` // for the log
}

// Gateway sends notifications to phones. There is a result for each, in their
// order; an error speaks for all of them, and a *webhook.CallError with Retry is
// tried again.
type Gateway interface {
	Send(ctx context.Context, all []Notification) ([]Result, error)
}
