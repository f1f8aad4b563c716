package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp/fasthttpadaptor"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/metrics"
	"pushd/internal/push"
)

// Authenticator tells whose API key an Authorization header holds. The error
// is a *codec.Error with code 401.
type Authenticator interface {
	Authenticate(authorization []byte) (account.Identity, error)
}

// Build is what GET /version tells.
type Build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Go       string `json:"go"`
}

// AdminOptions are the knobs of an Admin; the zero value of each works.
type AdminOptions struct {
	// Ready says why the process should get no traffic now; its text is public.
	// Always ready if nil.
	Ready func() error
	// Started tells that everything behind the door works. Until then whatever calls a
	// service is told 503, and only what is about the process itself answers. Always
	// if nil.
	Started func() bool
	// Check looks for contradictions in the directory of who is connected; quiet
	// tells that nothing changed meanwhile, so that totals were compared too.
	Check func(context.Context) (quiet bool, err error)
	// Groups are changed here as a whole; the paths are not there if nil.
	Groups GroupAdmin
	// Services are administered here; what is nil is not there.
	Services    Services
	Build       Build
	NoProfiles  bool         // /debug/pprof/ is not there
	LogRequests bool         // a line at info for each request; at debug otherwise
	Concurrency int          // connections at a time; 1,024 if 0
	Log         *slog.Logger // slog.DiscardHandler if nil
}

// Admin is the door for backends and operators. Its methods are Serve and Shutdown.
type Admin struct {
	door

	push     *push.Service
	groups   GroupAdmin
	services Services
	keys     Authenticator
	check    func(context.Context) (bool, error)
	ready    func() error
	started  func() bool
	build    Build
	docs     []byte
}

// NewAdmin makes the door. It panics when openapi/admin.yaml, which is part of the
// program, can't be read.
func NewAdmin(service *push.Service, keys Authenticator, m *metrics.Metrics, o AdminOptions) *Admin {
	a := &Admin{
		push: service, groups: o.Groups, services: o.Services, keys: keys, check: o.Check,
		ready: o.Ready, started: o.Started, build: o.Build, docs: renderDocs(adminDescription()),
	}
	if a.ready == nil {
		a.ready = func() error { return nil }
	}
	if a.started == nil {
		a.started = func() bool { return true }
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 1024
	}
	a.name, a.metrics, a.enter = "admin", m, a.admit
	table := a.routes()
	if o.NoProfiles {
		table = slices.DeleteFunc(table, func(r route) bool { return strings.HasPrefix(r.path, "/debug/pprof/") })
	}
	a.table, a.logRequests = newTable(table), o.LogRequests
	a.init(o.Concurrency, true, o.Log)
	return a
}

// routes is every path of the admin listener; with all services it is what
// openapi/admin.yaml describes.
func (a *Admin) routes() []route {
	s := a.push
	table := []route{
		{method: "POST", path: "/api/push", handle: call(jsonBody, s.Push), logged: true},
		{method: "POST", path: "/api/broadcast", handle: call(jsonBody, s.Broadcast), logged: true},
		{method: "POST", path: "/api/batch", handle: call(jsonBody, s.Batch), logged: true},

		{method: "GET", path: "/api/online", handle: call(noParameters, s.Online), logged: true},
		{method: "GET", path: "/api/online/users", handle: call(onlineUsersPage, s.OnlineUsers), logged: true},
		{method: "GET", path: "/api/online/users/{id}", handle: call(userParam, s.UserSessions), logged: true},
		{method: "POST", path: "/api/online/check", handle: call(jsonBody, s.CheckUsers), logged: true},
		{method: "POST", path: "/api/kick", handle: call(jsonBody, s.Kick), logged: true},

		{method: "GET", path: "/api/topics", handle: call(bind, s.ListTopics), logged: true},
		{method: "GET", path: "/api/topics/{topic}", handle: call(bind, s.TopicInfo), logged: true},
		{method: "GET", path: "/api/topics/{topic}/users", handle: call(bind, s.TopicUsers), logged: true},
		{method: "GET", path: "/api/topics/{topic}/history", handle: call(bind, s.History), logged: true},

		{method: "GET", path: "/healthz", handle: healthy, open: true, process: true},
		{method: "GET", path: "/readyz", handle: a.readiness, open: true, process: true},
		{method: "GET", path: "/version", handle: a.version, open: true, process: true},

		{method: "GET", path: "/metrics", handle: a.exposition, process: true},
		{method: "GET", path: "/openapi.yaml", handle: static("application/yaml", adminDescription()), process: true},
		{method: "GET", path: "/asyncapi.yaml", handle: static("application/yaml", readDescription("asyncapi.yaml")), process: true},
		{method: "GET", path: "/docs", handle: a.readDocs, process: true},

		{method: "GET", path: "/debug/check", handle: a.consistency, logged: true},
		// The command line, /debug/pprof/cmdline elsewhere, may hold keys, so it
		// is not among these.
		{method: "GET", path: "/debug/pprof/", handle: profile(pprof.Index), logged: true, process: true},
		{method: "GET", path: "/debug/pprof/profile", handle: timed(pprof.Profile), logged: true, process: true},
		{method: "GET", path: "/debug/pprof/trace", handle: timed(pprof.Trace), logged: true, process: true},
		{method: "GET", path: "/debug/pprof/symbol", handle: profile(pprof.Symbol), logged: true, process: true},
		{method: "GET", path: "/debug/pprof/{profile}", handle: timed(pprof.Index), logged: true, process: true},
	}
	if a.groups != nil {
		table = append(table, groupAdminRoutes(a.groups)...)
	}
	if a.services.Account != nil {
		table = append(table, accountAdminRoutes(a.services.Account)...)
	}
	if a.services.Chat != nil {
		table = append(table, chatAdminRoutes(a.services.Chat)...)
		table = append(table, chatGroupAdminRoutes(a.services.Chat)...)
	}
	if a.services.Files != nil {
		table = append(table, fileAdminRoutes(a.services.Files)...)
	}
	return table
}

// admit lets in requests with a key, and has browsers ask for one. The public door
// must not: before its page sees that a token or a password was refused, the browser
// would ask the user for another one, which no route accepts.
func (a *Admin) admit(r *request) error {
	err := a.authenticate(r)
	if err != nil && codec.AsError(err).Code == codec.CodeUnauthorized {
		r.http.Response.Header.Add("WWW-Authenticate", `Basic realm="pushd", charset="UTF-8"`)
	}
	if err == nil && !a.started() && r.route != nil && !r.route.process {
		return codec.Errorf(codec.CodeUnavailable, "the server is starting: ask again when /readyz answers 200")
	}
	return err
}

// authenticate finds out whose key a request came with. A browser can't send a
// Bearer header by itself, so reading also works with the key as the password
// of Basic authentication; changing anything does not, since a browser would
// add that password to a request that another site made it send.
func (a *Admin) authenticate(r *request) error {
	header := r.http.Request.Header.Peek("Authorization")
	scheme, rest, _ := bytes.Cut(header, []byte(" "))
	if bytes.EqualFold(scheme, []byte("Basic")) && (r.http.IsGet() || r.http.IsHead()) {
		if pair, err := base64.StdEncoding.DecodeString(string(rest)); err == nil {
			_, password, _ := bytes.Cut(pair, []byte(":"))
			header = append([]byte("Bearer "), password...)
		}
	}
	id, err := a.keys.Authenticate(header)
	if err != nil {
		return err
	}
	r.identity = id
	return nil
}

// call makes a handler of a service method and of what reads its request.
func call[Req, Rep any](
	read func(*request, *Req) error, method func(context.Context, account.Identity, Req) (Rep, error),
) handler {
	return func(r *request) error {
		var req Req
		if err := read(r, &req); err != nil {
			return err
		}
		rep, err := method(r, r.identity, req)
		if err != nil {
			return err
		}
		return reply(r, rep)
	}
}

// jsonBody reads a request from the body alone.
func jsonBody[Req any](r *request, v *Req) error { return decodeBody(r, v) }

// noParameters is for a request that is its path alone.
func noParameters[Req any](r *request, _ *Req) error {
	_, err := query(r)
	return err
}

func onlineUsersPage(r *request, v *push.OnlineUsersRequest) error {
	q, err := query(r, "platform", "limit", "cursor")
	if err != nil {
		return err
	}
	v.Platform, v.Cursor = account.PlatID(q["platform"]), q["cursor"]
	if limit, ok := q["limit"]; ok {
		if v.Limit, err = strconv.Atoi(limit); err != nil {
			return codec.Errorf(codec.CodeMalformed, "limit must be an integer, not %.32q", limit)
		}
		v.Limit = max(v.Limit, 1) // 0 is a limit here, and out of range
	}
	return nil
}

func userParam(r *request, v *push.UserSessionsRequest) error {
	v.User = r.params[0]
	return noParameters(r, v)
}

func healthy(r *request) error {
	return reply(r, map[string]string{"status": "ok"})
}

func (a *Admin) readiness(r *request) error {
	if err := a.ready(); err != nil {
		return codec.Errorf(codec.CodeUnavailable, "not ready: %s", err)
	}
	return reply(r, map[string]string{"status": "ready"})
}

// consistency is the reply of GET /debug/check.
type consistency struct {
	Consistent bool   `json:"consistent"`
	Quiet      bool   `json:"quiet"` // nothing changed meanwhile: totals were compared too
	Finding    string `json:"finding,omitempty"`
}

func (a *Admin) consistency(r *request) error {
	if err := r.identity.Allow(account.ScopeAdmin); err != nil {
		return err
	}
	if a.check == nil {
		return codec.Errorf(codec.CodeNotFound, "this server has no directory to check")
	}
	quiet, err := a.check(r)
	found := consistency{Consistent: err == nil, Quiet: quiet}
	if err != nil {
		found.Finding = err.Error()
	}
	return reply(r, found)
}

func (a *Admin) version(r *request) error { return reply(r, a.build) }

func (a *Admin) exposition(r *request) error {
	if err := r.identity.Allow(account.ScopeRead); err != nil {
		return err
	}
	contentType, err := a.metrics.WriteText(r.http, string(r.http.Request.Header.Peek("Accept")))
	if err != nil {
		return err
	}
	r.http.SetContentType(contentType)
	return nil
}

func (a *Admin) readDocs(r *request) error {
	h := &r.http.Response.Header
	h.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	return static("text/html; charset=utf-8", a.docs)(r)
}

func static(contentType string, body []byte) handler {
	return func(r *request) error {
		r.http.SetContentType(contentType)
		r.http.Response.SetBodyRaw(body)
		return nil
	}
}

// profile serves one of net/http/pprof's handlers.
func profile(h http.HandlerFunc) handler {
	adapted := fasthttpadaptor.NewFastHTTPHandlerFunc(h)
	return func(r *request) error {
		if err := r.identity.Allow(account.ScopeAdmin); err != nil {
			return err
		}
		adapted(r.http)
		return nil
	}
}

// maxProfile is how many seconds a profile may be taken for; the connection
// and a good part of a core are its own for that long.
const maxProfile = 60

// timed is profile for those that take a number of seconds.
func timed(h http.HandlerFunc) handler {
	serve := profile(h)
	return func(r *request) error {
		if s := r.http.QueryArgs().Peek("seconds"); len(s) > 0 {
			if n, err := strconv.Atoi(string(s)); err != nil || n < 1 || n > maxProfile {
				return codec.Errorf(codec.CodeMalformed, "seconds is an integer from 1 to %d", maxProfile)
			}
		}
		return serve(r)
	}
}
