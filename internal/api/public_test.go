package api_test

import (
	"bytes"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"pushd/internal/api"
	"pushd/internal/chat"
	"pushd/internal/metrics"
)

// newPublic is a public door fed through a Handoff, as the event loops do it.
func newPublic(t *testing.T, o api.PublicOptions) (addr string, client *http.Client) {
	t.Helper()
	p, err := api.NewPublic(metrics.New(1), o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := api.NewHandoff(ln.Addr(), 16)
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			if !h.Push(c) {
				c.Close()
			}
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		<-accepted
	})
	return serve(t, p, h)
}

var page = fstest.MapFS{
	"index.html":    {Data: []byte("<!doctype html><title>page</title>")},
	"app.js":        {Data: []byte("'use strict'")},
	"img/logo.svg":  {Data: []byte("<svg/>")},
	"data.unlikely": {Data: []byte("?")},
}

func get(t *testing.T, client *http.Client, method, url string, header ...string) response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return roundTrip(t, client, req)
}

func TestPublicServesThePage(t *testing.T) {
	addr, client := newPublic(t, api.PublicOptions{Console: page})
	for path, c := range map[string]struct {
		status            int
		body, contentType string
	}{
		"/":               {200, "<title>page", "text/html; charset=utf-8"},
		"/index.html":     {200, "<title>page", "text/html; charset=utf-8"},
		"/?x=1":           {200, "<title>page", "text/html; charset=utf-8"},
		"/app.js":         {200, "use strict", "text/javascript; charset=utf-8"},
		"/img/logo.svg":   {200, "<svg/>", "image/svg+xml"},
		"/data.unlikely":  {200, "?", "application/octet-stream"},
		"/healthz":        {200, `{"status":"ok"}`, "application/json"},
		"/img":            {404, `no such path: \"/img\"`, "application/json"},
		"/img/":           {404, `"code":404`, "application/json"},
		"/nothing":        {404, `no such path: \"/nothing\"`, "application/json"},
		"/../public.go":   {404, `"code":404`, "application/json"},
		"/%2e%2e/app.js":  {404, `"code":404`, "application/json"},
		"/img/../app.js":  {404, `"code":404`, "application/json"},
		"//app.js":        {404, `"code":404`, "application/json"},
		"/api/push":       {404, `"code":404`, "application/json"},
		"/debug/pprof/":   {404, `"code":404`, "application/json"},
		"/metrics":        {404, `"code":404`, "application/json"},
		"/app.js%00.html": {404, `"code":404`, "application/json"},
	} {
		t.Run(path, func(t *testing.T) {
			resp := get(t, client, "GET", "http://"+addr+path)
			wantReply(t, resp, c.status, c.body)
			if got := resp.Header.Get("Content-Type"); got != c.contentType {
				t.Errorf("Content-Type %q, want %q", got, c.contentType)
			}
			if resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("X-Request-Id") == "" || resp.Header.Get("Server") != "" {
				t.Errorf("headers %v", resp.Header)
			}
		})
	}
}

func TestPublicPageIsLockedDownAndCached(t *testing.T) {
	addr, client := newPublic(t, api.PublicOptions{Console: page})
	resp := get(t, client, "GET", "http://"+addr+"/")
	policy := resp.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "connect-src 'self' ws://" + addr + " wss://" + addr + ";"} {
		if !strings.Contains(policy, part) {
			t.Errorf("policy %q lacks %q", policy, part)
		}
	}
	etag := resp.Header.Get("ETag")
	for _, tag := range []string{etag, "W/" + etag, `"x", ` + etag, "*"} {
		again := get(t, client, "GET", "http://"+addr+"/", "If-None-Match", tag)
		if again.StatusCode != 304 || again.body != "" || again.Header.Get("ETag") != etag {
			t.Errorf("If-None-Match %s: reply %d with ETag %s", tag, again.StatusCode, again.Header.Get("ETag"))
		}
	}
	if other := get(t, client, "GET", "http://"+addr+"/", "If-None-Match", `"other"`); other.StatusCode != 200 {
		t.Errorf("reply %d to another ETag", other.StatusCode)
	}
	head := get(t, client, "HEAD", "http://"+addr+"/")
	if head.StatusCode != 200 || head.body != "" || head.ContentLength != int64(len(page["index.html"].Data)) {
		t.Errorf("HEAD: %d, %d bytes promised, body %q", head.StatusCode, head.ContentLength, head.body)
	}
	post := get(t, client, "POST", "http://"+addr+"/")
	wantReply(t, post, 405, "not allowed here")
	if got := post.Header.Get("Allow"); got != "GET, HEAD" {
		t.Errorf("Allow %q", got)
	}
}

func TestAMadeUpHostAddsNothingToThePolicy(t *testing.T) {
	addr, client := newPublic(t, api.PublicOptions{Console: page})
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+addr+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "evil;script-src"
	resp := roundTrip(t, client, req)
	if policy := resp.Header.Get("Content-Security-Policy"); strings.Contains(policy, "evil") {
		t.Errorf("policy %q", policy)
	}
}

func TestPublicFollowsTheOriginAllowlist(t *testing.T) {
	var log bytes.Buffer
	addr, client := newPublic(t, api.PublicOptions{
		AllowOrigin: func(origin, host string) bool { return origin == "https://good.example" || origin == "http://"+host },
		Log:         slog.New(slog.NewTextHandler(&log, nil)),
	})
	url := "http://" + addr + "/healthz"
	for name, c := range map[string]struct {
		method, origin string
		status         int
		allowed        string
	}{
		"listed":              {"GET", "https://good.example", 200, "https://good.example"},
		"same host":           {"GET", "http://" + addr, 200, "http://" + addr},
		"none":                {"GET", "", 200, ""},
		"another":             {"GET", "https://good.example.evil.example", 200, ""},
		"null":                {"GET", "null", 200, ""},
		"preflight, listed":   {"OPTIONS", "https://good.example", 204, "https://good.example"},
		"preflight, another":  {"OPTIONS", "https://evil.example", 403, ""},
		"options, no origin":  {"OPTIONS", "", 204, ""},
		"options, null":       {"OPTIONS", "null", 403, ""},
		"preflight, same one": {"OPTIONS", "http://" + addr, 204, "http://" + addr},
	} {
		t.Run(name, func(t *testing.T) {
			var header []string
			if c.origin != "" {
				header = []string{"Origin", c.origin, "Access-Control-Request-Method", "GET"}
			}
			resp := get(t, client, c.method, url, header...)
			if resp.StatusCode != c.status || resp.Header.Get("Access-Control-Allow-Origin") != c.allowed || resp.Header.Get("Vary") != "Origin" {
				t.Errorf("reply %d %v", resp.StatusCode, resp.Header)
			}
		})
	}
}

func TestPublicWithoutAPage(t *testing.T) {
	addr, client := newPublic(t, api.PublicOptions{})
	wantReply(t, get(t, client, "GET", "http://"+addr+"/"), 404, `"code":404`)
}

// A browser that is offered Basic authentication asks the user for a password
// before the page can say anything.
func TestPublicOffersBrowsersNoPasswordPrompt(t *testing.T) {
	addr, client := newPublic(t, api.PublicOptions{Services: api.Services{Chat: chat.New(chat.Ports{}, chat.Options{})}})
	resp := get(t, client, "GET", "http://"+addr+"/api/v1/conversations")
	wantReply(t, resp, 401, "a token is needed")
	if got := resp.Header.Values("WWW-Authenticate"); len(got) != 1 || !strings.HasPrefix(got[0], "Bearer ") {
		t.Errorf("WWW-Authenticate %q", got)
	}
}
