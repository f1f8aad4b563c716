package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"mime"
	"net"
	"net/netip"
	"path"
	"strings"

	"github.com/valyala/fasthttp"

	"pushd/internal/account"
	"pushd/internal/bot"
	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/files"
	"pushd/internal/metrics"
	"pushd/internal/offline"
)

// PublicOptions are the knobs of a Public; the zero value of each works.
type PublicOptions struct {
	// Console is the page: its index.html is served at /, its other files at
	// their paths. No page if nil.
	Console fs.FS
	// AllowOrigin says whether pages of this origin may read replies; host is
	// the request's Host. Nobody may if nil.
	AllowOrigin func(origin, host string) bool
	// Services are what users reach with their token under /api/v1/.
	Services Services
	// Users checks the token of a request. Required with Services.
	Users Users
	// ClientAddress is the client's address, by the peer's and its X-Forwarded-For; the
	// peer's if nil.
	ClientAddress func(peer netip.Addr, forwarded string) netip.Addr
	Concurrency   int          // connections at a time; 4,096 if 0
	Log           *slog.Logger // slog.DiscardHandler if nil
}

// Users checks a user's token. *account.Guard is one; in open mode it is
// account.OpenUsers. The error is a *codec.Error with code 401.
type Users interface {
	Verify(token string) (account.Claims, error)
}

// Services are what a public door can offer; what is nil is not there.
type Services struct {
	Account *account.Service
	Chat    *chat.Service
	Files   *files.Service
	Offline *offline.Service
	Bots    *bot.Bots
}

const publicMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// Public is the door for what arrives on the clients' port and is not the
// WebSocket. Its methods are Serve, which is meant for a Handoff, and Shutdown.
type Public struct {
	door

	allow    func(origin, host string) bool
	address  func(peer netip.Addr, forwarded string) netip.Addr
	users    Users
	accounts *account.Service // nil: a good token is enough
}

// NewPublic makes the door. It reads all of Console, once.
func NewPublic(m *metrics.Metrics, o PublicOptions) (*Public, error) {
	p := &Public{allow: o.AllowOrigin, address: o.ClientAddress, users: o.Users, accounts: o.Services.Account}
	if p.allow == nil {
		p.allow = func(string, string) bool { return false }
	}
	if p.address == nil {
		p.address = func(peer netip.Addr, _ string) netip.Addr { return peer.Unmap() }
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 4096
	}
	routes := []route{
		{method: "GET", path: "/healthz", handle: healthy, open: true},
		{method: "GET", path: "/openapi.yaml", handle: static("application/yaml", publicDescription()), open: true},
	}
	if o.Console != nil {
		files, err := consoleRoutes(o.Console)
		if err != nil {
			return nil, err
		}
		routes = append(routes, files...)
	}
	routes = append(routes, userRoutes(o.Services)...)
	p.name, p.metrics, p.before, p.enter = "public", m, p.arrive, p.authenticate
	p.table = newTable(routes)
	// One request a connection: a proxy that kept one open might send a WebSocket
	// handshake on it next, and only the event loops can answer that.
	p.init(o.Concurrency, false, o.Log)
	return p, nil
}

// userRoutes is every path that users reach with their token.
func userRoutes(s Services) []route {
	var routes []route
	if s.Account != nil {
		routes = append(routes, accountRoutes(s.Account)...)
	}
	if s.Chat != nil {
		routes = append(routes, chatRoutes(s.Chat)...)
		routes = append(routes, groupRoutes(s.Chat)...)
	}
	if s.Files != nil {
		routes = append(routes, fileRoutes(s.Files)...)
	}
	if s.Offline != nil {
		routes = append(routes, pushTokenRoutes(s.Offline)...)
	}
	if s.Bots != nil {
		routes = append(routes, botRoutes(s.Bots)...)
	}
	return routes
}

// authenticate finds the user of a request by its token or its link.
func (p *Public) authenticate(r *request) (err error) {
	header := r.http.Request.Header.Peek("Authorization")
	if len(header) == 0 && r.route.link != nil {
		r.identity, err = r.route.link(r)
		return err
	}
	scheme, token, _ := bytes.Cut(header, []byte(" "))
	if !bytes.EqualFold(scheme, []byte("Bearer")) || len(token) == 0 {
		return codec.Errorf(codec.CodeUnauthorized, "a token is needed; send it as Authorization: Bearer <token>")
	}
	claims, err := p.users.Verify(string(token))
	if err != nil {
		return err
	}
	r.identity.User, r.identity.Grant, r.identity.Expires = claims.User, claims.ID, claims.Expires
	if p.accounts == nil {
		r.identity.Grant = "" // means something to the token's issuer only
		return nil
	}
	return p.accounts.Entered(r, r.identity)
}

// arrive notes the client's address, and answers what CORS asks.
func (p *Public) arrive(r *request) (answered bool) {
	if peer, ok := r.http.RemoteAddr().(*net.TCPAddr); ok {
		forwarded := bytes.Join(r.http.Request.Header.PeekAll("X-Forwarded-For"), []byte(","))
		r.identity.Address = p.address(peer.AddrPort().Addr(), string(forwarded))
	}
	return p.cors(r)
}

// cors sets what lets pages of allowed origins read the reply, and answers
// OPTIONS.
func (p *Public) cors(r *request) bool {
	h := &r.http.Response.Header
	h.Set("Vary", "Origin")
	origin := string(r.http.Request.Header.Peek("Origin"))
	allowed := origin != "" && p.allow(origin, string(r.http.Host()))
	if allowed {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "X-Request-Id, Retry-After, ETag, Content-Range, Content-Disposition")
	}
	if string(r.http.Method()) != fasthttp.MethodOptions {
		return false
	}
	switch {
	case origin == "" || allowed:
		h.Set("Allow", publicMethods)
		if allowed {
			h.Set("Access-Control-Allow-Methods", publicMethods)
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Request-Id, Range, If-Range")
			h.Set("Access-Control-Max-Age", "600")
		}
		r.http.SetStatusCode(fasthttp.StatusNoContent)
	default:
		p.log.Info("request refused: origin not allowed; add it to the option origins to allow it",
			slog.String("origin", string(clip([]byte(origin), 256))), slog.String("request_id", r.id))
		fail(r, codec.Errorf(codec.CodeForbidden,
			"pages of this origin may not use this server, unless its administrator allows it"))
	}
	return true
}

// consoleRoutes makes a route of each file.
func consoleRoutes(console fs.FS) ([]route, error) {
	var routes []route
	err := fs.WalkDir(console, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(console, name)
		if err != nil {
			return err
		}
		serve := consoleFile(name, data)
		routes = append(routes, route{method: "GET", path: "/" + name, handle: serve, open: true})
		if name == "index.html" {
			routes = append(routes, route{method: "GET", path: "/", handle: serve, open: true})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the console's files: %w", err)
	}
	return routes, nil
}

// consoleFile serves one file of the page from memory.
func consoleFile(name string, data []byte) handler {
	sum := sha256.Sum256(data)
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	contentType := consoleType(name)
	return func(r *request) error {
		h := &r.http.Response.Header
		h.Set("ETag", etag)
		h.Set("Cache-Control", "no-cache") // ask again, and be told 304
		h.Set("Content-Security-Policy", consolePolicy(string(r.http.Host())))
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if etagMatches(string(r.http.Request.Header.Peek("If-None-Match")), etag) {
			r.http.SetStatusCode(fasthttp.StatusNotModified)
			return nil
		}
		return static(contentType, data)(r)
	}
}

// consoleType doesn't ask the machine's MIME table for what the page is made
// of, since with nosniff a wrong answer breaks it.
func consoleType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".json":
		return typeJSON
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return "application/octet-stream"
	}
}

// consolePolicy lets the page load and reach its own host only. Not every
// browser takes 'self' to include ws: and wss:, so those are written out. blob: is
// for files that the user has chosen and not sent yet.
func consolePolicy(host string) string {
	connect := "'self'"
	if plainHost(host) {
		connect += " ws://" + host + " wss://" + host
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; " +
		"media-src 'self' blob:; font-src 'self'; connect-src " + connect +
		"; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// plainHost keeps a made-up Host from adding to the policy.
func plainHost(host string) bool {
	if host == "" || len(host) > 255 {
		return false
	}
	return !strings.ContainsFunc(host, func(c rune) bool {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		return !letter && !strings.ContainsRune(".:-[]", c)
	})
}

// etagMatches is the weak comparison of RFC 9110 section 13.1.2.
func etagMatches(ifNoneMatch, etag string) bool {
	for tag := range strings.SplitSeq(ifNoneMatch, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == etag || tag == "*" {
			return true
		}
	}
	return false
}
