package gateway

import (
	"context"

	"pushd/internal/account"
	"pushd/internal/bot"
	"pushd/internal/chat"
	"pushd/internal/files"
	"pushd/internal/offline"
	"pushd/internal/push"
	"pushd/internal/router"
)

// Table is the table of routes as a module sees it.
type Table = router.Table[*Session]

// Handlers are the actions of one module.
type Handlers = router.Handlers[*Session]

// Module registers the routes of one module, which may push through the service.
// docs/modules.md shows a whole one.
type Module func(*Table, *push.Service)

// Services are what clients reach through the table; what is nil is not there.
type Services struct {
	Push    *push.Service // required
	Chat    *chat.Service
	Files   *files.Service
	Offline *offline.Service
	Bots    *bot.Bots
	Account *account.Service
	// Lifecycle is asked about logins; nobody is if nil.
	Lifecycle Lifecycle
}

// Serve makes a handler of a service method, which sees the caller's identity
// and neither connection nor session.
func Serve[Req, Rep any](f func(context.Context, account.Identity, Req) (Rep, error)) router.Handler[*Session] {
	return router.Typed(func(ctx context.Context, s *Session, r Req) (Rep, error) { return f(ctx, s.identity(), r) })
}

// routes is every action that a client can call.
func routes(g *Gateway, services Services, modules []Module) *Table {
	t := router.New[*Session]()
	p := services.Push

	login := router.Typed(g.robotLogin).Open()
	if g.verifier == nil && g.lifecycle == nil {
		login = login.Inline() // nobody to ask
	}
	t.Register("robot", Handlers{
		"Login": login.
			Doc("Logs in; again on the same session with a fresh token, before the old one runs out."),
		"HeartBeat": router.Direct[*Session, struct{}]((*Session).heartBeat).
			Doc("Says that the client is alive, when there is nothing else to say."),
		"Ping": router.Direct[*Session, PingReply]((*Session).ping).Open().
			Doc("Gives the server's time."),
		"Logout": router.Typed(g.robotLogout).Inline().
			Doc("Ends the session and leaves the socket open, for another `Login` in time."),
	})
	t.Register("topic", Handlers{
		"Subscribe": Serve(p.Subscribe).Inline().
			Doc("Joins a topic; with `recover`, where the client was in before, gets what came meanwhile."),
		"Unsubscribe": Serve(p.Unsubscribe).Inline().
			Doc("Leaves a topic."),
		"Publish": Serve(p.Publish).Inline().
			Doc("Sends any object to a topic's subscribers. 403 unless `topics.publish` names a prefix of the topic."),
		"History": Serve(p.History).Inline().
			Doc("Reads what a topic remembers, oldest first: `limit` (50, at most 200) messages after an offset, " +
				"or the newest. 404 without a history."),
		"Presence": Serve(p.TopicPresence).Inline().
			Doc("Lists who is in a topic, `limit` (50, at most 200) users at a time. " +
				"403 unless `topics.presence` names a prefix of the topic."),
	})
	t.Register("presence", Handlers{
		"Online": Serve(p.PresenceOnline).Inline().
			Doc("Tells which of up to 1,000 users are online, and on which platforms."),
		"Subscribe": Serve(p.PresenceSubscribe).Inline().
			Doc("Asks to be told who comes and goes: up to 100 users, or everybody with `{}` or `all`, " +
				"where `presence.all` allows it. The reply has which of `users` are online now, none for everybody."),
		"Unsubscribe": Serve(p.PresenceUnsubscribe).Inline().
			Doc("Ends the `Subscribe` with the same data."),
	})
	if c := services.Chat; c != nil {
		t.Register("chat", Handlers{
			"Send": Serve(c.Send).
				Doc("Sends a message to `user:ID`, `group:ID` or `bot:NAME`, or into a conversation."),
			"History": Serve(c.History).
				Doc("Reads a page of a conversation: `before` a seq, newest first, or `after` one, oldest first."),
			"Sync": Serve(c.Sync).
				Doc("Gets what is new since the cursors that the client keeps."),
			"Conversations": Serve(c.Conversations).
				Doc("Lists the user's conversations, the one with the latest message first."),
			"Delivered": Serve(c.Delivered).
				Doc("Says up to which `seq` messages have arrived on this device."),
			"Read": Serve(c.Read).
				Doc("Says up to which `seq` the user has read."),
			"Readers": Serve(c.Readers).
				Doc("Lists who has read up to a `seq`, or who has not."),
			"Recall": Serve(c.Recall).
				Doc("Takes a message back: the sender within 2 minutes, a group's owner and admins at any time."),
			"Edit": Serve(c.Edit).
				Doc("Replaces a message of type `text` or `custom`: the sender within 15 minutes, who may still write there. " +
					"The type stays."),
			"Versions": Serve(c.Versions).
				Doc("Lists the former bodies of an edited message, oldest first, for who can read it."),
			"React": Serve(c.React).
				Doc("Puts a sign of 1 to 32 bytes on a message, or takes it back, for who may write there."),
			"Typing": Serve(c.Typing).
				Doc("Tells the others that the user is writing, at most every two seconds; in groups of at most 200."),
			"Delete": Serve(c.Delete).
				Doc("Deletes up to 200 messages for the user alone."),
			"Hide": Serve(c.Hide).
				Doc("Takes a conversation off the user's list until its next message."),
			"Search": Serve(c.Search).
				Doc("Finds messages that have all of the words, newest first."),
		})
	}
	if c := services.Chat; c != nil {
		t.Register("group", Handlers{
			"Create": Serve(c.GroupCreate).
				Doc("Makes a group, which the user owns."),
			"Info": Serve(c.GroupInfo).
				Doc("Describes a group."),
			"Update": Serve(c.GroupUpdate).
				Doc("Changes what is given of a group."),
			"List": Serve(c.GroupList).
				Doc("Lists the user's groups."),
			"Dismiss": Serve(c.GroupDismiss).
				Doc("Ends a group for everybody."),
			"Join": Serve(c.GroupJoin).
				Doc("Asks to come in. `joined` is false when an admin has to answer."),
			"Leave": Serve(c.GroupLeave).
				Doc("Leaves a group, or takes back a request to join."),
			"Requests": Serve(c.GroupRequests).
				Doc("Lists who asks to come in."),
			"Answer": Serve(c.GroupAnswer).
				Doc("Accepts or refuses a request to join."),
			"Members": Serve(c.GroupMembers).
				Doc("Lists the members."),
			"Invite": Serve(c.GroupInvite).
				Doc("Brings up to 1,000 users in; `added` are those who weren't."),
			"Remove": Serve(c.GroupRemove).
				Doc("Removes members, one `user` or several `users`; `removed` are those who were in."),
			"SetRole": Serve(c.GroupSetRole).
				Doc("Makes a member an admin, or an admin a member."),
			"Transfer": Serve(c.GroupTransfer).
				Doc("Gives the group to another member."),
			"Mute": Serve(c.GroupMute).
				Doc("Silences a member for some seconds; 0 ends it."),
			"Remark": Serve(c.GroupRemark).
				Doc("Sets the user's own name in the group."),
		})
		t.Register("friend", Handlers{
			"Request": Serve(c.FriendRequest).
				Doc("Asks a user to be friends."),
			"Accept": Serve(c.FriendAccept).
				Doc("Accepts a user's request."),
			"Refuse": Serve(c.FriendRefuse).
				Doc("Refuses a user's request."),
			"Remove": Serve(c.FriendRemove).
				Doc("Ends a friendship, or takes a request back."),
			"Remark": Serve(c.FriendRemark).
				Doc("Gives somebody in the list a name that only the user sees."),
			"Block": Serve(c.FriendBlock).
				Doc("Blocks a user, or ends that."),
			"List": Serve(c.FriendList).
				Doc("Lists friends, requests and blocks; those in one `state`, or all."),
		})
	}
	if f := services.Files; f != nil {
		// The bytes themselves go over HTTP.
		t.Register("file", Handlers{
			"Info": Serve(f.Info).
				Doc("Describes a file that the user may read."),
			"Link": Serve(f.Link).
				Doc("Makes a link by which a file can be read without a token, for a while."),
			"Links": Serve(f.Links).
				Doc("Makes links to several files; those that the user may not read are left out."),
			"List": Serve(f.List).
				Doc("Lists the user's own files, and how much of the quota they use."),
			"Delete": Serve(f.Delete).
				Doc("Deletes one of the user's own files."),
		})
	}
	if services.Offline != nil {
		t.Register("push", Handlers{
			"Register": Serve(services.Offline.Register).
				Doc("Says by which token this device is woken while its user is away."),
			"Unregister": Serve(services.Offline.Unregister).
				Doc("Forgets a device's token."),
		})
	}
	if services.Bots != nil {
		t.Register("bot", Handlers{
			"List": Serve(services.Bots.List).Inline().
				Doc("Lists the bots that one can write to."),
		})
	}
	if a := services.Account; a != nil {
		// Those that look at a password are offered over HTTP alone: it takes long, and
		// the workers that would wait for it are everybody's.
		t.Register("account", Handlers{
			"Me": Serve(a.Me).
				Doc("Describes the user's own account."),
			"Update": Serve(a.UpdateMe).
				Doc("Changes the user's own name, avatar or `extra`."),
			"User": Serve(a.User).
				Doc("Describes one user as others see them."),
			"Users": Serve(a.Users).
				Doc("Describes several users; those that there are not are left out."),
			"Devices": Serve(a.Devices).
				Doc("Lists where the user is logged in with a password."),
			"RevokeDevice": Serve(a.RevokeDevice).
				Doc("Logs one device out."),
			"Logout": Serve(a.Logout).
				Doc("Makes the token of this session worthless, or with `all` every token of the user. " +
					"Sessions that use it are closed."),
			"Refresh": Serve(a.Refresh).
				Doc("Gives new tokens for a refresh token, which they replace."),
		})
	}
	for _, m := range modules {
		m(t, p)
	}
	return t
}
