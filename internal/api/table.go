package api

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"pushd/internal/account"
	"pushd/internal/codec"
)

// route is one line of a door's table. A segment of its path may be a
// parameter, {name}.
type route struct {
	method, path string
	handle       handler
	open         bool // needs no credentials
	logged       bool // at the level info; what monitors ask every few seconds is not
	process      bool // is about the process itself, and answers before the server has started

	timeout time.Duration // of the work, and of a body that it streams; requestTimeout if 0
	// link finds the user of a request without an Authorization header; such requests
	// are refused if nil.
	link func(*request) (account.Identity, error)
}

// table finds routes by method and path. Paths are matched as they were sent,
// so that an escaped slash in a parameter is no separator and ".." means
// nothing.
type table struct {
	exact    map[string][]*route
	patterns []*pattern
}

// pattern is the routes of one path with parameters.
type pattern struct {
	segments []string // "{name}" is a parameter
	routes   []*route
}

// newTable panics when two routes collide, naming both.
func newTable(routes []route) *table {
	t := &table{exact: map[string][]*route{}}
	seen := map[string]string{}
	patterns := map[string]*pattern{}
	for i := range routes {
		r := &routes[i]
		segments := strings.Split(r.path, "/")
		var shape []string
		for _, s := range segments {
			if isParam(s) {
				s = "{}"
			}
			shape = append(shape, s)
		}
		path := strings.Join(shape, "/")
		key := r.method + " " + path
		if other, ok := seen[key]; ok {
			panic(fmt.Sprintf("api: route %s %s collides with %s", r.method, r.path, other))
		}
		seen[key] = r.method + " " + r.path
		if path == r.path {
			t.exact[r.path] = append(t.exact[r.path], r)
			continue
		}
		p, ok := patterns[path]
		if !ok {
			p = &pattern{segments: segments}
			patterns[path] = p
			t.patterns = append(t.patterns, p)
		}
		p.routes = append(p.routes, r)
	}
	return t
}

func isParam(segment string) bool {
	return strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}")
}

// lookup finds the route of a request and the values of its parameters, in the
// order of the route's path. 404 names the path; 405 sets Allow.
func (t *table) lookup(ctx *fasthttp.RequestCtx) (*route, []string, error) {
	path := ctx.Request.URI().PathOriginal()
	if routes, ok := t.exact[string(path)]; ok {
		r, err := choose(ctx, routes)
		return r, nil, err
	}
	segments := strings.Split(string(path), "/")
	for _, p := range t.patterns {
		params, ok := p.match(segments)
		if !ok {
			continue
		}
		r, err := choose(ctx, p.routes)
		return r, params, err
	}
	return nil, nil, codec.Errorf(codec.CodeNotFound, "no such path: %.128q", path)
}

func (p *pattern) match(path []string) (params []string, ok bool) {
	if len(path) != len(p.segments) {
		return nil, false
	}
	for i, want := range p.segments {
		if !isParam(want) {
			if path[i] != want {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(path[i])
		if err != nil || value == "" || !isText(value) {
			return nil, false
		}
		params = append(params, value)
	}
	return params, true
}

// isText refuses what neither JSON nor every database can hold.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

func choose(ctx *fasthttp.RequestCtx, routes []*route) (*route, error) {
	method := string(ctx.Method())
	if method == fasthttp.MethodHead {
		method = fasthttp.MethodGet // fasthttp leaves the body out
	}
	var allow []string
	for _, r := range routes {
		if r.method == method {
			return r, nil
		}
		allow = append(allow, r.method)
		if r.method == fasthttp.MethodGet {
			allow = append(allow, fasthttp.MethodHead)
		}
	}
	methods := strings.Join(allow, ", ")
	ctx.Response.Header.Set("Allow", methods)
	return nil, &statusError{
		fasthttp.StatusMethodNotAllowed,
		codec.Errorf(codec.CodeMalformed, "%.32q is not allowed here; these are: %s", method, methods),
	}
}
