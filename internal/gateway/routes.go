package gateway

import (
	"context"

	"pushd/internal/account"
	"pushd/internal/chat"
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
	Push *push.Service // required
	Chat *chat.Service
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
	if g.verifier == nil {
		login = login.Inline() // nothing to verify
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
	for _, m := range modules {
		m(t, p)
	}
	return t
}
