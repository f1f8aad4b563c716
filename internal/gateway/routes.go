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
	// Lifecycle takes part in logins; nobody does if nil.
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
		"Login":     login,
		"HeartBeat": router.Typed(g.robotHeartBeat).Inline(),
		"Ping":      router.Typed(g.robotPing).Inline().Open(),
		"Logout":    router.Typed(g.robotLogout).Inline(),
	})
	t.Register("topic", Handlers{
		"Subscribe":   Serve(p.Subscribe).Inline(),
		"Unsubscribe": Serve(p.Unsubscribe).Inline(),
		"Publish":     Serve(p.Publish).Inline(),
		"History":     Serve(p.History).Inline(),
		"Presence":    Serve(p.TopicPresence).Inline(),
	})
	t.Register("presence", Handlers{
		"Online":      Serve(p.PresenceOnline).Inline(),
		"Subscribe":   Serve(p.PresenceSubscribe).Inline(),
		"Unsubscribe": Serve(p.PresenceUnsubscribe).Inline(),
	})
	if c := services.Chat; c != nil {
		t.Register("chat", Handlers{
			"Send":          Serve(c.Send),
			"History":       Serve(c.History),
			"Sync":          Serve(c.Sync),
			"Conversations": Serve(c.Conversations),
			"Delivered":     Serve(c.Delivered),
			"Read":          Serve(c.Read),
			"Readers":       Serve(c.Readers),
			"Recall":        Serve(c.Recall),
			"Edit":          Serve(c.Edit),
			"Versions":      Serve(c.Versions),
			"React":         Serve(c.React),
			"Typing":        Serve(c.Typing),
			"Delete":        Serve(c.Delete),
			"Hide":          Serve(c.Hide),
			"Search":        Serve(c.Search),
		})
	}
	if c := services.Chat; c != nil {
		t.Register("group", Handlers{
			"Create":   Serve(c.GroupCreate),
			"Info":     Serve(c.GroupInfo),
			"Update":   Serve(c.GroupUpdate),
			"List":     Serve(c.GroupList),
			"Dismiss":  Serve(c.GroupDismiss),
			"Join":     Serve(c.GroupJoin),
			"Leave":    Serve(c.GroupLeave),
			"Requests": Serve(c.GroupRequests),
			"Answer":   Serve(c.GroupAnswer),
			"Members":  Serve(c.GroupMembers),
			"Invite":   Serve(c.GroupInvite),
			"Remove":   Serve(c.GroupRemove),
			"SetRole":  Serve(c.GroupSetRole),
			"Transfer": Serve(c.GroupTransfer),
			"Mute":     Serve(c.GroupMute),
			"Remark":   Serve(c.GroupRemark),
		})
		t.Register("friend", Handlers{
			"Request": Serve(c.FriendRequest),
			"Accept":  Serve(c.FriendAccept),
			"Refuse":  Serve(c.FriendRefuse),
			"Remove":  Serve(c.FriendRemove),
			"Remark":  Serve(c.FriendRemark),
			"Block":   Serve(c.FriendBlock),
			"List":    Serve(c.FriendList),
		})
	}
	if f := services.Files; f != nil {
		// The bytes themselves go over HTTP.
		t.Register("file", Handlers{
			"Info":   Serve(f.Info),
			"Link":   Serve(f.Link),
			"Links":  Serve(f.Links),
			"List":   Serve(f.List),
			"Delete": Serve(f.Delete),
		})
	}
	if services.Offline != nil {
		t.Register("push", Handlers{
			"Register":   Serve(services.Offline.Register),
			"Unregister": Serve(services.Offline.Unregister),
		})
	}
	if services.Bots != nil {
		t.Register("bot", Handlers{"List": Serve(services.Bots.List).Inline()})
	}
	if a := services.Account; a != nil {
		// Those that look at a password are offered over HTTP alone: it takes long, and
		// the workers that would wait for it are everybody's.
		t.Register("account", Handlers{
			"Me":           Serve(a.Me),
			"Update":       Serve(a.UpdateMe),
			"User":         Serve(a.User),
			"Users":        Serve(a.Users),
			"Devices":      Serve(a.Devices),
			"RevokeDevice": Serve(a.RevokeDevice),
			"Logout":       Serve(a.Logout),
			"Refresh":      Serve(a.Refresh),
		})
	}
	for _, m := range modules {
		m(t, p)
	}
	return t
}
