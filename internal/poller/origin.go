package poller

import (
	"bytes"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// SameOrigin is the one of Options.Origins that stands for the host that a request
// is for.
const SameOrigin = "same"

// origins is the allowlist of Origin values (RFC 6454), compared whole: scheme,
// host and port, so neither a prefix nor a suffix of an allowed one passes.
type origins struct {
	any     bool
	same    bool // a page may connect back to the host it was loaded from
	allowed map[string]struct{}
}

func parseOrigins(list []string) (origins, error) {
	o := origins{allowed: make(map[string]struct{}, len(list))}
	for _, v := range list {
		switch v {
		case "*":
			o.any = true
			continue
		case SameOrigin:
			o.same = true
			continue
		}
		u, err := url.Parse(v)
		if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil ||
			strings.TrimSuffix(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			return o, fmt.Errorf(
				"origin %q: write scheme://host or scheme://host:port, such as https://example.com, same or *", v)
		}
		o.allowed[canonicalOrigin(u.Scheme, u.Host)] = struct{}{}
	}
	return o, nil
}

// allow decides about an Origin header of a request for host.
func (o origins) allow(origin, host []byte) bool {
	if o.any {
		return true
	}
	scheme, authority, ok := bytes.Cut(origin, []byte("://"))
	if !ok || len(authority) == 0 || bytes.ContainsAny(authority, "/?#@ ") {
		return false // "null" ends here
	}
	canonical := canonicalOrigin(string(scheme), string(authority))
	if _, ok := o.allowed[canonical]; ok {
		return true
	}
	return o.same && canonical == canonicalOrigin(string(scheme), string(host))
}

// canonicalOrigin lower-cases an origin and drops the scheme's default port.
func canonicalOrigin(scheme, host string) string {
	scheme, host = strings.ToLower(scheme), strings.ToLower(host)
	switch scheme {
	case "http", "ws":
		host = strings.TrimSuffix(host, ":80")
	case "https", "wss":
		host = strings.TrimSuffix(host, ":443")
	}
	return scheme + "://" + host
}

// forwardedFor is the client's address in an X-Forwarded-For list: the last one
// that is not itself a trusted proxy, since a client can invent everything before it.
func forwardedFor(list string, trusted []netip.Prefix) (netip.Addr, bool) {
	parts := strings.Split(list, ",")
	for i := len(parts) - 1; i >= 0; i-- {
		addr, err := parseForwarded(strings.TrimSpace(parts[i]))
		if err != nil {
			return netip.Addr{}, false
		}
		if !anyContains(trusted, addr) {
			return addr, true
		}
	}
	return netip.Addr{}, false
}

// parseForwarded reads one element, with or without a port.
func parseForwarded(s string) (netip.Addr, error) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap(), nil
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return addr.Unmap(), err
}

func anyContains(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
