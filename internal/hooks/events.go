package hooks

import (
	"encoding/json"
	"slices"

	"pushd/internal/account"
	"pushd/internal/chat"
)

// Types of events. The first two are asked, the others told.
const (
	BeforeSend  = "message.before_send" // may the message be sent, and as it is?
	BeforeLogin = "user.before_login"   // may the user log in?

	Sent    = "message.sent"    // it is committed
	Offline = "message.offline" // it was for users none of whose devices is connected
	Login   = "user.login"      // a user was let in
	Logout  = "user.logout"     // that is over, whatever the way; one for each Login

	Started = "server.started" // sessions of this node's former boots are gone
	Stopped = "server.stopped" // every session of this boot is gone
	Lost    = "server.lost"    // some events could not be told
)

// Types are all that a configuration can choose. Lost always comes along.
var types = []string{BeforeSend, BeforeLogin, Sent, Offline, Login, Logout, Started, Stopped}

// Types lists the events that a backend can choose.
func Types() []string { return slices.Clone(types) }

// origin says which server speaks. Boot is new with each start, so that a
// backend can tell the sessions of a server that was killed from those it has.
type origin struct {
	Node string `json:"node"`
	Boot string `json:"boot"`
}

// question is the body of a call that is waited for.
type question struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Time int64  `json:"time"`
	origin
	Data any `json:"data"`
}

// told is the body of a call that tells; Events are in order for each
// conversation and for each user.
type told struct {
	Type string `json:"type"` // "events"
	ID   string `json:"id"`   // of this call, the same when it is repeated
	origin
	Events []json.RawMessage `json:"events"`
}

// event is one of them.
type event struct {
	Type string `json:"type"`
	ID   string `json:"id"` // the same when it is told again
	Time int64  `json:"time"`
	Data any    `json:"data"`
}

// draft is the data of BeforeSend.
type draft struct {
	ID       string    `json:"id"`
	Conv     string    `json:"conv"`
	From     string    `json:"from"`
	Body     chat.Body `json:"body"`
	ClientID string    `json:"client_id,omitempty"`
	Mention  []string  `json:"mention,omitempty"`
	Expires  int64     `json:"expires,omitempty"`
}

// missed is the data of Offline.
type missed struct {
	Message chat.Message `json:"message"`
	Users   []string     `json:"users"`
}

// session is the data of BeforeLogin, Login and Logout.
type session struct {
	User     string `json:"user"`
	Platform string `json:"platform"`
	Session  string `json:"session,omitempty"` // of Logout: there is none yet before that
	App      string `json:"app,omitempty"`
	Device   string `json:"device,omitempty"`
	Address  string `json:"address,omitempty"` // the client's, without port
	Reason   string `json:"reason,omitempty"`  // of Logout
}

// loss is the data of Lost.
type loss struct {
	Events int `json:"events"`
}

func (h *Hooks) session(id account.Identity, reason string) session {
	s := session{
		User: id.User, Platform: h.platforms.Name(id.Platform), Session: id.Session,
		App: id.App, Device: id.Device, Reason: reason,
	}
	if id.Address.IsValid() {
		s.Address = id.Address.String()
	}
	return s
}
