// Package api is the HTTP doors, on fasthttp: Admin, for backends and
// operators, and Public, for what arrives on the clients' port and is not the
// WebSocket. A door turns requests into calls of service methods and their
// results into replies; it decides nothing that a service decides. The files under
// openapi describe every route, and a test compares them with the tables.
package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/metrics"
)

// Limits of both doors.
const (
	maxBody        = 1 << 20          // bytes of a request body
	maxHeader      = 8 << 10          // bytes of a request line and its headers
	readTimeout    = 10 * time.Second // a whole request, from its first byte
	writeTimeout   = 30 * time.Second // a whole reply
	idleTimeout    = 60 * time.Second // between requests on a connection
	requestTimeout = 10 * time.Second // the work of a service method
)

// handler answers one request, or returns the error that does.
type handler func(*request) error

// request is one request on its way through a door. It is valid until the
// handler returns, and its Context longer where the reply's body streams.
type request struct {
	context.Context                      // done when the request's time is over or the door shuts down
	http            *fasthttp.RequestCtx // the request and its reply
	id              string               // X-Request-Id
	route           *route               // nil when none matched
	params          []string             // what matched the {…} of the route's path, in their order
	identity        account.Identity     // of routes that aren't open
	drained         bool                 // the body has been read to its end
	cancel          context.CancelFunc   // ends Context
	streams         bool                 // the reply's body calls cancel, when it is closed
}

// begin gives the request its time.
func (r *request) begin(base context.Context) {
	timeout := requestTimeout
	if r.route != nil && r.route.timeout > 0 {
		timeout = r.route.timeout
	}
	r.Context, r.cancel = context.WithTimeout(base, timeout)
}

// door is what both doors are made of.
type door struct {
	// Immutable.
	name        string // label in log and metrics
	log         *slog.Logger
	metrics     *metrics.Metrics
	table       *table
	enter       func(*request) error // before the handler: authenticates; may be nil
	before      func(*request) bool  // before routing; true when it has answered; may be nil
	logRequests bool                 // a line at info for each request; at debug otherwise
	server      *fasthttp.Server
	base        context.Context
	cancel      context.CancelFunc

	mu        sync.Mutex
	listeners []net.Listener // guarded by mu
	closed    bool           // guarded by mu
}

func (d *door) init(concurrency int, keepAlive bool, log *slog.Logger) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	d.log = log.With(slog.String("listener", d.name))
	d.base, d.cancel = context.WithCancel(context.Background())
	d.server = &fasthttp.Server{
		Handler:               d.answer,
		ErrorHandler:          d.answerUnreadable,
		Logger:                serverLog{d.log},
		SecureErrorLogMessage: true,
		NoDefaultServerHeader: true,
		Concurrency:           concurrency,
		ReadBufferSize:        maxHeader,
		MaxRequestBodySize:    maxBody,
		// Otherwise the whole of a declared length is allocated before a byte of the
		// body has come and the key has been checked.
		StreamRequestBody: true,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		CloseOnShutdown:   true,
		DisableKeepalive:  !keepAlive,
		// Parsing a form would write its files to disk.
		DisablePreParseMultipartForm: true,
	}
}

// Serve answers what arrives on ln until Shutdown, which closes ln.
func (d *door) Serve(ln net.Listener) error {
	d.mu.Lock()
	closed := d.closed
	d.listeners = append(d.listeners, ln)
	d.mu.Unlock()
	if closed {
		return d.closeListeners()
	}
	if err := d.server.Serve(lingering{ln, d.log}); err != nil {
		return fmt.Errorf("serve %s on %s: %w", d.name, ln.Addr(), err)
	}
	return nil
}

// Shutdown stops accepting, lets requests under way finish until ctx is done,
// and then cuts what they wait for.
func (d *door) Shutdown(ctx context.Context) error {
	defer d.cancel()
	// fasthttp forgets a Shutdown that comes before its Serve, so the listeners
	// are closed here first.
	err := d.closeListeners()
	if e := d.server.ShutdownWithContext(ctx); e != nil && !errors.Is(e, net.ErrClosed) {
		err = errors.Join(err, fmt.Errorf("shut down %s: %w", d.name, e))
	}
	return err
}

func (d *door) closeListeners() error {
	d.mu.Lock()
	listeners := d.listeners
	d.listeners, d.closed = nil, true
	d.mu.Unlock()
	var err error
	for _, ln := range listeners {
		if e := ln.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, fmt.Errorf("close the listener of %s: %w", d.name, e))
		}
	}
	return err
}

// answer is the one place where a request enters and where it is logged.
func (d *door) answer(ctx *fasthttp.RequestCtx) {
	start := time.Now()
	r := &request{Context: d.base, cancel: func() {}, http: ctx, id: requestID(ctx)}
	defer func() {
		if !r.streams {
			r.cancel()
		}
	}()
	ctx.Response.Header.Set("X-Request-Id", r.id)
	ctx.Response.Header.Set("X-Content-Type-Options", "nosniff")
	err := d.dispatch(r)
	if err != nil {
		fail(r, err)
	}
	if !r.drained && ctx.Request.Header.ContentLength() != 0 && ctx.Request.IsBodyStream() {
		// What is left of the body must not be taken for another request.
		linger(ctx.Conn())
		ctx.SetConnectionClose()
	}
	d.observe(r, err, time.Since(start))
}

// dispatch keeps a panic to the request in which it happened.
func (d *door) dispatch(r *request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			d.metrics.Fault("panic")
			d.log.Error("panic in a request", slog.String("request_id", r.id),
				slog.String("panic", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
			r.http.Response.ResetBody()
			err = codec.Errorf(codec.CodeInternal, "internal error")
		}
	}()
	if hasBothLengths(&r.http.Request.Header) {
		return readError(errors.New("both Transfer-Encoding and Content-Length"))
	}
	if d.before != nil && d.before(r) {
		return nil
	}
	r.route, r.params, err = d.table.lookup(r.http)
	if err != nil {
		return err
	}
	r.begin(d.base)
	if d.enter != nil && !r.route.open {
		if err := d.enter(r); err != nil {
			return err
		}
	}
	return r.route.handle(r)
}

func (d *door) observe(r *request, err error, took time.Duration) {
	status := r.http.Response.StatusCode()
	path, method, level := "unknown", "unknown", slog.LevelDebug
	if r.route != nil {
		path, method = r.route.path, r.route.method
		if r.route.logged && d.logRequests {
			level = slog.LevelInfo
		}
	}
	d.metrics.HTTPRequest(d.name, method, path, status, took.Seconds())
	if status >= 500 {
		level = max(level, slog.LevelWarn)
	}
	if !d.log.Enabled(r, level) {
		return
	}
	// The query stays out: it may hold what doesn't belong in a log.
	attrs := []slog.Attr{
		slog.String("method", string(r.http.Method())),
		slog.String("path", string(clip(r.http.Path(), 256))),
		slog.Int("status", status),
		slog.Duration("took", took),
		slog.String("key", r.identity.Key),
		slog.String("remote", r.http.RemoteAddr().String()),
		slog.String("request_id", r.id),
	}
	if err != nil {
		attrs = append(attrs, slog.Any("error", codec.AsError(err)))
	}
	d.log.LogAttrs(r, level, "request", attrs...)
}

// answerUnreadable answers bytes that are not a request.
func (d *door) answerUnreadable(ctx *fasthttp.RequestCtx, err error) {
	linger(ctx.Conn())
	r := &request{Context: d.base, http: ctx, id: requestID(ctx)}
	ctx.Response.Header.Set("X-Request-Id", r.id)
	ctx.Response.Header.Set("X-Content-Type-Options", "nosniff")
	answer := readError(err)
	fail(r, answer)
	d.observe(r, answer, 0)
}

// hasBothLengths tells whether a body in chunks has a length too. fasthttp goes by the
// chunks; a proxy in front may go by the length, and then bytes that are body to one
// are another request to the other (RFC 9112, section 11.2).
func hasBothLengths(h *fasthttp.RequestHeader) bool {
	if h.ContentLength() != -1 {
		return false
	}
	for line := range bytes.Lines(h.RawHeaders()) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(bytes.TrimSpace(name), []byte("Content-Length")) {
			return true
		}
	}
	return false
}

// serverLog is fasthttp's logger, which reports on connections.
type serverLog struct{ log *slog.Logger }

func (p serverLog) Printf(format string, args ...any) {
	p.log.Debug("http server", slog.String("event", fmt.Sprintf(format, args...)))
}

func clip(b []byte, n int) []byte { return b[:min(len(b), n)] }
