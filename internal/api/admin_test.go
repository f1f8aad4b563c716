package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"pushd/internal/codec"
	"pushd/internal/delivery"
)

const okPush = `{"users":["alice"],"message":{}}`

func TestRequestID(t *testing.T) {
	f := newAdmin(t)
	for name, c := range map[string]struct {
		sent string
		kept bool
	}{
		"none":      {"", false},
		"sane":      {"req-1.A_b", true},
		"longest":   {strings.Repeat("x", 128), true},
		"too long":  {strings.Repeat("x", 129), false},
		"injection": {"a b=c", false},
		"not ASCII": {"\u00e9", false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/healthz", "/nothing", "/api/online"} {
				req := f.request("GET", path, "", "")
				if c.sent != "" {
					req.Header.Set("X-Request-Id", c.sent)
				}
				got := f.do(req).Header.Get("X-Request-Id")
				if got == "" || (got == c.sent) != c.kept {
					t.Errorf("%s: X-Request-Id %q", path, got)
				}
			}
		})
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	f := newAdmin(t)
	for _, path := range []string{"/", "/api", "/api/push/", "/api/online/users/", "/api/online/users/a/b", "/api/../healthz", "//healthz", "/api/groups/%zz", "/api/groups/%00", "/api/groups/%ff", "/debug/pprof"} {
		wantReply(t, f.do(f.raw("GET", path)), 404, "no such path")
	}
	for path, allow := range map[string]string{
		"/api/push":         "POST",
		"/api/groups/team":  "PUT, GET, HEAD, DELETE, PATCH",
		"/healthz":          "GET, HEAD",
		"/api/online/users": "GET, HEAD",
	} {
		resp := f.do(f.request("TRACE", path, "", ""))
		wantReply(t, resp, 405, `"code":400`)
		if got := resp.Header.Get("Allow"); got != allow {
			t.Errorf("%s: Allow %q, want %q", path, got, allow)
		}
	}
}

// raw is a request whose path is sent as it is.
func (f *fixture) raw(method, path string) *http.Request {
	req := f.request(method, "/", adminKey, "")
	req.URL.Opaque = "//" + f.addr + path
	return req
}

func TestHeadersOfEveryReply(t *testing.T) {
	f := newAdmin(t)
	for _, path := range []string{"/healthz", "/nothing", "/api/online"} {
		resp := f.do(f.request("GET", path, "", ""))
		if h := resp.Header; h.Get("Server") != "" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, h)
		}
	}
	if got := f.do(f.request("GET", "/api/online", "", "")).Header.Values("WWW-Authenticate"); len(got) != 2 {
		t.Errorf("WWW-Authenticate %q", got)
	}
}

func TestBasicAuthenticationReadsOnly(t *testing.T) {
	f := newAdmin(t)
	req := f.request("GET", "/docs", "", "")
	req.SetBasicAuth("anyone", adminKey)
	wantReply(t, f.do(req), 200, "pushd admin API")
	req = f.request("GET", "/docs", "", "")
	req.SetBasicAuth(adminKey, "wrong")
	wantReply(t, f.do(req), 401, "")
	req = f.request("POST", "/api/push", "", okPush)
	req.SetBasicAuth("anyone", adminKey)
	wantReply(t, f.do(req), 401, "")
}

func TestRetryAfterIsWholeSecondsAndAtLeastOne(t *testing.T) {
	f := newAdmin(t)
	var wait time.Duration
	f.node.Instead = func(context.Context, delivery.Target) (delivery.Receipt, error) {
		e := codec.Errorf(codec.CodeTooMany, "slow down")
		e.RetryAfter = wait
		return delivery.Receipt{}, e
	}
	for d, want := range map[time.Duration]string{0: "1", time.Millisecond: "1", 1500 * time.Millisecond: "2", time.Minute: "60"} {
		wait = d
		if got := f.do(f.request("POST", "/api/push", pushKey, okPush)).Header.Get("Retry-After"); got != want {
			t.Errorf("Retry-After %q for %s, want %s", got, d, want)
		}
	}
}

func TestAPanicEndsOneRequest(t *testing.T) {
	f := newAdmin(t)
	f.node.Instead = func(context.Context, delivery.Target) (delivery.Receipt, error) { panic("boom") }
	wantReply(t, f.do(f.request("POST", "/api/push", pushKey, okPush)), 500, "internal error")
	wantReply(t, f.do(f.request("GET", "/healthz", "", "")), 200, "ok")
	wantReply(t, f.do(f.request("GET", "/metrics", readKey, "")), 200, `pushd_faults_total{kind="panic"} 1`)
	if log := f.log.String(); !strings.Contains(log, "boom") || !strings.Contains(log, "admin_test.go") {
		t.Errorf("the log doesn't say what panicked where: %s", log)
	}
}

func TestRequestsAreCountedByRoute(t *testing.T) {
	f := newAdmin(t)
	f.do(f.request("GET", "/api/online/users/alice", readKey, ""))
	f.do(f.request("GET", "/zebra/stripes", "", ""))
	text := f.do(f.request("GET", "/metrics", readKey, "")).body
	for _, part := range []string{
		`{listener="admin",method="GET",route="/api/online/users/{id}",status="200"} 1`,
		`{listener="admin",method="unknown",route="unknown",status="404"} 1`,
	} {
		if !strings.Contains(text, part) {
			t.Errorf("no %s", part)
		}
	}
	if strings.Contains(text, "zebra") {
		t.Error("a client's path became a label")
	}
}

func TestRequestLog(t *testing.T) {
	f := newAdmin(t)
	req := f.request("POST", "/api/push?token=hush", pushKey, okPush)
	req.Header.Set("X-Request-Id", "my-id")
	f.do(req)
	f.do(f.request("GET", "/healthz", "", ""))
	var line, health string
	for l := range strings.Lines(f.log.String()) {
		switch {
		case strings.Contains(l, "path=/api/push"):
			line = l
		case strings.Contains(l, "path=/healthz"):
			health = l
		}
	}
	for _, part := range []string{"level=INFO", "listener=admin", "method=POST", "status=200", "key=backend", "request_id=my-id"} {
		if !strings.Contains(line, part) {
			t.Errorf("no %s in %q", part, line)
		}
	}
	if strings.Contains(line, "hush") {
		t.Errorf("the query is in the log: %q", line)
	}
	if !strings.Contains(health, "level=DEBUG") {
		t.Errorf("a health check is logged as %q", health)
	}
}

// exchange sends bytes as they are and reads one reply.
func exchange(t *testing.T, addr, request string) response {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(c, request) }() // cut short when the server has seen enough
	br := bufio.NewReader(c)
	resp, err := http.ReadResponse(br, nil)
	if err == nil && resp.StatusCode == http.StatusContinue {
		resp, err = http.ReadResponse(br, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return whole(t, resp)
}

func TestBrokenRequests(t *testing.T) {
	f := newAdmin(t)
	const head = "POST /api/push HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " + pushKey + "\r\n"
	const chunked = "26\r\n" + `{"users":["a"],"message":{"text":"x"}}` + "\r\n0\r\n\r\n"
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"garbage":                  {"\x00\x01\x02\r\n\r\n", 400},
		"headers without end":      {"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 9<<10), 431},
		"body over the limit":      {head + "Content-Length: 4000000\r\n\r\n" + strings.Repeat("x", 4_000_000), 413},
		"chunks over the limit":    {head + "Transfer-Encoding: chunked\r\n\r\n200000\r\n" + strings.Repeat("x", 2<<20) + "\r\n0\r\n\r\n", 413},
		"both lengths":             {head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked, 400},
		"both, chunks first":       {head + "Transfer-Encoding: chunked\r\ncontent-length: 5\r\n\r\n" + chunked, 400},
		"two lengths":              {head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400},
		"bad chunk":                {head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 400},
		"unknown transfer coding":  {head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400},
		"chunked before HTTP/1.1":  {strings.Replace(head, "HTTP/1.1", "HTTP/1.0", 1) + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400},
		"negative length":          {head + "Content-Length: -1\r\n\r\n", 400},
		"length that isn't one":    {head + "Content-Length: 2x\r\n\r\n{}", 400},
		"compressed":               {head + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 415},
		"space before the colon":   {head + "Content-Length : 2\r\n\r\n{}", 400},
		"expecting the impossible": {head + "Expect: 100-continue\r\nContent-Length: 4000000\r\n\r\n" + strings.Repeat("x", 4_000_000), 413},
	} {
		t.Run(name, func(t *testing.T) {
			resp := exchange(t, f.addr, c.request)
			if !resp.Close {
				t.Error("the connection stays open")
			}
			var e struct {
				Error struct {
					Code    int
					Message string
				}
			}
			if err := json.Unmarshal([]byte(resp.body), &e); err != nil || e.Error.Code == 0 || e.Error.Message == "" {
				t.Errorf("reply %d %q: %v", resp.StatusCode, resp.body, err)
			}
			if resp.StatusCode != c.status || resp.Header.Get("X-Request-Id") == "" {
				t.Errorf("reply %d %v %s, want %d", resp.StatusCode, resp.Header, resp.body, c.status)
			}
		})
	}
	wantReply(t, exchange(t, f.addr, head+"Transfer-Encoding: chunked\r\n\r\n"+chunked), 200, "sessions")
	wantReply(t, f.do(f.request("GET", "/healthz", "", "")), 200, "ok")
}

func TestShutdownLetsARequestFinish(t *testing.T) {
	f := newAdmin(t)
	entered, release := make(chan struct{}), make(chan struct{})
	f.node.Instead = func(context.Context, delivery.Target) (delivery.Receipt, error) {
		close(entered)
		<-release
		return delivery.Receipt{}, nil
	}
	replied := make(chan response, 1)
	go func() { replied <- f.do(f.request("POST", "/api/push", pushKey, okPush)) }()
	<-entered
	done := make(chan error, 1)
	go func() { done <- f.admin.Shutdown(t.Context()) }()
	select {
	case err := <-done:
		t.Errorf("Shutdown returned %v with a request under way", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	wantReply(t, <-replied, 200, `"id"`)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestShutdownGivesUpInTime(t *testing.T) {
	f := newAdmin(t)
	entered := make(chan struct{})
	f.node.Instead = func(ctx context.Context, _ delivery.Target) (delivery.Receipt, error) {
		close(entered)
		<-ctx.Done() // what Shutdown ends by giving up
		return delivery.Receipt{}, fmt.Errorf("deliver: %w", ctx.Err())
	}
	replied := make(chan response, 1)
	go func() { replied <- f.do(f.request("POST", "/api/push", pushKey, okPush)) }()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.admin.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	wantReply(t, <-replied, 503, `"temporary":true`)
}

func TestShutdownBeforeServe(t *testing.T) {
	f := newAdmin(t) // whose cleanup shuts down once more
	if err := f.admin.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.admin.Serve(ln); err != nil {
		t.Error(err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is open: %v", err)
	}
}

func TestDocsPageNeedsNothingFromOutside(t *testing.T) {
	f := newAdmin(t)
	resp := f.do(f.request("GET", "/docs", readKey, ""))
	for _, r := range f.admin.Routes() {
		if !strings.Contains(resp.body, "<code>"+r.Method+" "+r.Path+"</code>") {
			t.Errorf("%s %s is not on the page", r.Method, r.Path)
		}
	}
	for _, part := range []string{"<script", " src=", "@import", "url("} {
		if strings.Contains(resp.body, part) {
			t.Errorf("the page has %s", part)
		}
	}
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("policy %q", policy)
	}
}

func BenchmarkPushToOneUser(b *testing.B) {
	f := newAdmin(b)
	handle := f.admin.Handler()
	var ctx fasthttp.RequestCtx
	var req fasthttp.Request
	req.SetRequestURI("/api/push")
	req.Header.SetMethod("POST")
	req.Header.SetContentType("application/json")
	req.Header.Set("Authorization", "Bearer "+pushKey)
	req.SetBodyString(`{"users":["alice"],"message":{"text":"hi"}}`)
	ctx.Init(&req, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
	handle(&ctx)
	if !bytes.Contains(ctx.Response.Body(), []byte(`"sessions":2`)) {
		b.Fatalf("reply %s", ctx.Response.Body())
	}
	b.ReportAllocs()
	for b.Loop() {
		ctx.Response.Reset()
		handle(&ctx)
	}
}

// Until everything behind the door works, only what is about the process answers.
func TestNothingIsAnsweredBeforeTheStart(t *testing.T) {
	f := newAdmin(t)
	f.started.Store(false)
	push := func() response {
		return f.do(f.request("POST", "/api/push", pushKey, `{"users":["alice"],"message":{}}`))
	}
	r := push()
	wantReply(t, r, 503, "/readyz")
	if r.Header.Get("Retry-After") == "" || len(f.node.Deliveries()) > 0 {
		t.Errorf("a push before the start: headers %v", r.Header)
	}
	wantReply(t, f.do(f.request("GET", "/api/online", readKey, "")), 503, "starting")
	wantReply(t, f.do(f.request("POST", "/api/push", "", `{}`)), 401, "")
	wantReply(t, f.do(f.request("GET", "/no/such/path", adminKey, "")), 404, "")
	for path, key := range map[string]string{"/healthz": "", "/version": "", "/metrics": readKey, "/docs": readKey, "/debug/pprof/heap": adminKey} {
		wantReply(t, f.do(f.request("GET", path, key, "")), 200, "")
	}
	f.started.Store(true)
	wantReply(t, push(), 200, `"sessions":2`)
}
