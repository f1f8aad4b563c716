package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"pushd/internal/codec"
)

// route is one line of a door's table. A path may have one parameter, {name},
// which is a whole segment.
type route struct {
	method, path string
	handle       handler
	open         bool // needs no credentials
	logged       bool // at Info; what monitors ask every few seconds is not
}

// table finds routes by method and path. Paths are matched as they were sent,
// so that an escaped slash in a parameter is no separator and ".." means
// nothing.
type table struct {
	exact    map[string][]*route
	patterns []pattern
}

// pattern is the routes of one path with a parameter.
type pattern struct {
	prefix, suffix string
	routes         []*route
}

// newTable panics when two routes collide, naming both.
func newTable(routes []route) *table {
	t := &table{exact: map[string][]*route{}}
	seen := map[string]string{}
	for i := range routes {
		r := &routes[i]
		prefix, rest, isPattern := strings.Cut(r.path, "{")
		_, suffix, _ := strings.Cut(rest, "}")
		key := r.method + " " + r.path
		if isPattern {
			key = r.method + " " + prefix + "{}" + suffix
		}
		if other, ok := seen[key]; ok {
			panic(fmt.Sprintf("api: route %s %s collides with %s", r.method, r.path, other))
		}
		seen[key] = r.method + " " + r.path
		if !isPattern {
			t.exact[r.path] = append(t.exact[r.path], r)
			continue
		}
		at := slices.IndexFunc(t.patterns, func(p pattern) bool { return p.prefix == prefix && p.suffix == suffix })
		if at < 0 {
			at = len(t.patterns)
			t.patterns = append(t.patterns, pattern{prefix: prefix, suffix: suffix})
		}
		t.patterns[at].routes = append(t.patterns[at].routes, r)
	}
	return t
}

// lookup finds the route of a request. 404 names the path; 405 sets Allow.
func (t *table) lookup(ctx *fasthttp.RequestCtx) (*route, string, error) {
	path := ctx.Request.URI().PathOriginal()
	if routes, ok := t.exact[string(path)]; ok {
		r, err := choose(ctx, routes)
		return r, "", err
	}
	for _, p := range t.patterns {
		param, ok := p.match(string(path))
		if !ok {
			continue
		}
		r, err := choose(ctx, p.routes)
		return r, param, err
	}
	return nil, "", codec.Errorf(codec.CodeNotFound, "no such path: %.128q", path)
}

func (p *pattern) match(path string) (param string, ok bool) {
	if len(path) <= len(p.prefix)+len(p.suffix) || !strings.HasPrefix(path, p.prefix) || !strings.HasSuffix(path, p.suffix) {
		return "", false
	}
	segment := path[len(p.prefix) : len(path)-len(p.suffix)]
	if strings.Contains(segment, "/") {
		return "", false
	}
	param, err := url.PathUnescape(segment)
	return param, err == nil
}

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
	ctx.Response.Header.Set("Allow", strings.Join(allow, ", "))
	return nil, &statusError{fasthttp.StatusMethodNotAllowed, codec.Errorf(codec.CodeMalformed, "%.32q is not allowed here; these are: %s", method, strings.Join(allow, ", "))}
}
