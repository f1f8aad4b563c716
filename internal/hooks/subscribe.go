package hooks

import (
	"slices"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/events"
)

// maxUsers is how many users one Offline event names.
const maxUsers = 1000

// subscribe asks for what the backend chose to be told of, and nothing else: nobody
// finds out what nobody wants to know. Order is kept for each conversation and for each
// user.
func (h *Hooks) subscribe(bus *events.Bus) {
	self := bus.Inline(tellName, events.Limit{
		Bound: "hooks.queue, hooks.queue-bytes", AtBound: "the backend gets server.lost",
	})
	if h.chosen[Started] || h.chosen[Stopped] {
		events.On(self, func(events.ServerStarted) {
			h.started.Store(true)
			if h.chosen[Started] {
				// Whatever the backend believes of sessions of this node's former boots is over,
				// as a killed server can't say so itself.
				h.tell("", Started, struct{}{})
			}
		})
	}
	if h.chosen[Login] {
		events.On(self, func(e account.SessionBegan) {
			h.tell("u "+e.Identity.User, Login, h.session(e.Identity, ""))
		})
	}
	if h.chosen[Logout] {
		events.On(self, func(e account.SessionEnded) {
			h.tell("u "+e.Identity.User, Logout, h.session(e.Identity, e.Reason))
		})
	}
	if h.chosen[Sent] {
		events.On(self, func(e chat.MessageSent) { h.tell("m "+e.Message.Conv, Sent, public(e.Message)) })
	}
	if h.chosen[Offline] {
		events.On(self, func(e chat.MessageMissed) {
			for users := range slices.Chunk(e.Users, maxUsers) {
				h.tell("m "+e.Message.Conv, Offline, missed{public(e.Message), users})
			}
		})
	}
}

// public leaves out what is between the sender and the server.
func public(m chat.Message) chat.Message {
	m.ClientID = ""
	return m
}
