package chat

import (
	"strings"

	"pushd/internal/delivery"
	"pushd/internal/events"
)

// MessageSent is published when a message is committed and handed over for
// delivery, so that what it causes arrives after it. What
// the server itself writes into a group's conversation, such as who joined, is not
// among them: MembersChanged tells that.
type MessageSent struct{ Message Message }

// Bot is the name of the bot that the message is for; ok is false for none. What a bot
// says is for no bot, or two of them would never stop.
func (e MessageSent) Bot() (name string, ok bool) {
	kind, peer, other, _ := ParseKey(e.Message.Conv)
	if kind != KindSingle || isBot(e.Message.From) {
		return "", false
	}
	if peer == e.Message.From {
		peer = other
	}
	if name, ok = strings.CutPrefix(peer, botPrefix); !ok {
		return "", false
	}
	return name, true
}

// MessageMissed is published when it is found that users who should get a message have no
// session: at once for a message to one user, and a little later for one to a group.
// Nobody looks for them while nobody subscribes.
type MessageMissed struct {
	Message Message
	Users   []string // of a group neither the sender nor a bot
}

// MembersChanged is published when users are in a group now, or out of it, or the group is
// gone. Changes that are made at the same time may come in either order, which their
// revisions tell; 0 is a group's first, and when a user of it was deleted. Bounds on lists
// that clients are shown don't apply here: all users are named.
type MembersChanged struct {
	delivery.MemberChange
	By        string // the user who did it; "" for a backend
	Dismissed bool   // the group is gone: Left were its members
}

// publishers are the service's events.
type publishers struct {
	sent    events.Publisher[MessageSent]
	missed  events.Publisher[MessageMissed]
	members events.Publisher[MembersChanged]
}

func newPublishers(bus *events.Bus) publishers {
	return publishers{
		sent:    events.PublisherOf[MessageSent](bus),
		missed:  events.PublisherOf[MessageMissed](bus),
		members: events.PublisherOf[MembersChanged](bus),
	}
}

// changes begins the event of a change that the caller makes in a group.
func (c caller) changes(group string) MembersChanged {
	return MembersChanged{MemberChange: delivery.MemberChange{Group: group}, By: c.User}
}

// membersChanged publishes what is different in a group, if anything is.
func (p *publishers) membersChanged(e MembersChanged) {
	if len(e.Joined)+len(e.Left) > 0 || e.Dismissed {
		p.members.Publish(e)
	}
}
