package poller

import (
	"bytes"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"unicode"

	"github.com/gobwas/ws"
)

// Protocol is the subprotocol that this server speaks, in Sec-WebSocket-Protocol.
const Protocol = "pushd.v1"

// tokenProtocol is the prefix of an offered subprotocol that carries a token,
// the only header a browser lets a page set. It is never echoed.
const tokenProtocol = "pushd.token."

// Handshake is what an opening handshake said (RFC 6455 section 4.2.1).
type Handshake struct {
	// Token came as Authorization: Bearer, as the subprotocol pushd.token.…, or
	// as ?token= where Options.QueryToken allows it. Empty when there was none.
	Token string
	// Query is the raw query string of the request target; never logged, as it
	// may hold a token.
	Query string
}

// feedHandshake gathers the request's header and answers it. It gets all bytes
// that were read and returns those that follow the handshake.
func (c *Conn) feedHandshake(data []byte) (rest []byte) {
	l := c.loop
	head := data
	if c.in != nil {
		c.in.frame = append(c.in.frame, data...)
		head = c.in.frame
	}
	// Any other request is handed over as soon as its target is known: it may have a
	// body, which is the HTTP server's to read.
	target, known := requestTarget(head)
	if known && !isPath(target, l.server.opts.Path) {
		c.passToHTTP(head)
		return nil
	}
	end := bytes.Index(head, []byte("\r\n\r\n"))
	if end < 0 || end+4 > l.server.opts.MaxHeader {
		if len(head) > l.server.opts.MaxHeader {
			c.refuse(http.StatusRequestHeaderFieldsTooLarge, "header_too_large", "the request header is over the limit")
			return nil
		}
		if c.in == nil {
			c.in = l.freeIn.get()
			c.in.frame = append(c.in.frame[:0], data...)
		}
		return nil
	}
	if !known {
		// A complete header without a readable request line.
		c.passToHTTP(head)
		return nil
	}
	head, rest = head[:end+4], head[end+4:]
	u := &l.handshake
	if !u.upgrade(c, head) {
		return nil
	}
	// rest may lie in the pooled buffer: it is copied to the read buffer, which
	// is free once a handshake that came in pieces has been answered.
	if c.in != nil {
		rest = l.rbuf[:copy(l.rbuf, rest)]
		l.putIn(c.in)
		c.in = nil
	}
	c.state = stateOpen
	c.seen = l.Now()
	l.stats.Handshakes.Add(1)
	l.stats.Connections.Add(1)
	c.rearm()
	c.handler.Opened(c, &Handshake{Token: string(u.token), Query: string(u.query)})
	return rest
}

// requestTarget is the target of a request line "METHOD target HTTP/1.1";
// known is false while it isn't complete.
func requestTarget(head []byte) (target []byte, known bool) {
	line, _, whole := bytes.Cut(head, []byte("\r\n"))
	method := bytes.IndexByte(line, ' ')
	if method < 0 {
		// No method is this long, and no request begins like this one.
		return nil, whole || len(line) > 32
	}
	line = line[method+1:]
	end := bytes.IndexByte(line, ' ')
	if end < 0 {
		return nil, whole
	}
	return line[:end], true
}

func isPath(target []byte, path string) bool {
	t, _, _ := bytes.Cut(target, []byte{'?'})
	return string(t) == path
}

// upgrader answers opening handshakes for one loop, with gobwas's Upgrader over
// memory. Its callbacks are bound once, so a handshake allocates nothing here.
type upgrader struct {
	loop *Loop
	ws   ws.Upgrader
	conn *Conn

	head      []byte // what is left to read of the request
	host      []byte
	origin    []byte
	token     []byte
	query     []byte
	forwarded []byte
	reason    string // the metric label if this handshake is refused
	wrote     bool   // gobwas has answered
	hasBody   bool
	offered   bool // the client offered a subprotocol we speak
}

func (u *upgrader) init(l *Loop) {
	u.loop = l
	u.ws = ws.Upgrader{
		// Sized for a whole ordinary request, so the pooled readers stay small.
		ReadBufferSize:  l.server.opts.MaxHeader,
		WriteBufferSize: 512,
		OnRequest:       u.onRequest,
		OnHost:          u.onHost,
		OnHeader:        u.onHeader,
		ProtocolCustom:  u.onProtocol,
		OnBeforeUpgrade: u.onBeforeUpgrade,
	}
}

// Read and Write are the connection that gobwas sees.
func (u *upgrader) Read(p []byte) (int, error) {
	if len(u.head) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(p, u.head)
	u.head = u.head[n:]
	return n, nil
}

func (u *upgrader) Write(p []byte) (int, error) {
	u.wrote = true
	u.conn.writeRaw(p)
	return len(p), nil
}

// upgrade answers the handshake; it reports whether the connection is open now.
func (u *upgrader) upgrade(c *Conn, head []byte) bool {
	if !bytes.HasPrefix(head, []byte("GET ")) {
		c.refuse(http.StatusBadRequest, "bad_request", "a WebSocket handshake is a GET request")
		return false
	}
	if key, more := headerValue(head, "Sec-WebSocket-Key"); key != nil && (more || !validKey(key)) {
		c.refuse(http.StatusBadRequest, "bad_request", "Sec-WebSocket-Key is not 16 bytes in base64, once")
		return false
	}
	u.conn, u.head = c, head
	u.host, u.origin, u.token, u.forwarded = u.host[:0], u.origin[:0], u.token[:0], u.forwarded[:0]
	u.hasBody, u.offered = false, false
	u.reason, u.wrote = "bad_request", false
	_, err := u.ws.Upgrade(u)
	u.conn = nil
	switch {
	case err == nil:
		return true
	case !u.wrote:
		// gobwas answers nothing when it cannot make out the request line.
		c.refuse(http.StatusBadRequest, "bad_request", "the request cannot be read")
	default:
		c.loop.server.metrics.Refused(u.reason)
		c.startClosing(c.state, HandshakeFailed)
	}
	return false
}

func (u *upgrader) onRequest(target []byte) error {
	_, query, _ := bytes.Cut(target, []byte{'?'})
	u.query = append(u.query[:0], query...)
	if len(query) == 0 || !u.loop.server.opts.QueryToken {
		return nil
	}
	values, err := url.ParseQuery(string(query))
	if err != nil {
		return u.refuseWith(http.StatusBadRequest, "bad_request", "the query string cannot be read")
	}
	u.token = append(u.token[:0], values.Get("token")...)
	return nil
}

func (u *upgrader) onHost(value []byte) error {
	if len(u.host) > 0 || bytes.ContainsFunc(value, unicode.IsControl) {
		return u.refuseWith(http.StatusBadRequest, "bad_request", "a request has one Host")
	}
	u.host = append(u.host, value...)
	return nil
}

func (u *upgrader) onHeader(key, value []byte) error {
	// gobwas hands the names over in canonical form.
	switch string(key) {
	case "Origin":
		// Empty or twice is no origin at all; the space matches nothing.
		if len(value) == 0 || len(u.origin) > 0 {
			u.origin = append(u.origin, ' ')
		}
		u.origin = append(u.origin, value...)
	case "Authorization":
		// The scheme is in any case (RFC 9110 section 11.1).
		if scheme, t, ok := bytes.Cut(value, []byte{' '}); ok && bytes.EqualFold(scheme, []byte("Bearer")) {
			u.token = append(u.token[:0], bytes.TrimSpace(t)...)
		}
	case "X-Forwarded-For":
		if len(u.forwarded) > 0 {
			u.forwarded = append(u.forwarded, ',')
		}
		u.forwarded = append(u.forwarded, value...)
	case "Content-Length":
		u.hasBody = u.hasBody || string(value) != "0"
	case "Transfer-Encoding":
		u.hasBody = true
	}
	return nil
}

// onProtocol reads one Sec-WebSocket-Protocol header: it takes the token out and
// selects our protocol when it was offered.
func (u *upgrader) onProtocol(value []byte) (string, bool) {
	for len(value) > 0 {
		var one []byte
		one, value, _ = bytes.Cut(value, []byte{','})
		one = bytes.TrimSpace(one)
		if t, ok := bytes.CutPrefix(one, []byte(tokenProtocol)); ok {
			u.token = append(u.token[:0], t...)
		} else if string(one) == Protocol {
			u.offered = true
		}
	}
	if u.offered {
		return Protocol, true
	}
	return "", true
}

func (u *upgrader) onBeforeUpgrade() (ws.HandshakeHeader, error) {
	s := u.loop.server
	if u.hasBody {
		return nil, u.refuseWith(http.StatusBadRequest, "bad_request", "a WebSocket handshake has no body")
	}
	if len(u.origin) > 0 && !s.origins.allow(u.origin, u.host) {
		if u.loop.logEvery("origin") {
			s.log.Warn("handshake refused: origin not allowed; add it to the option origins to allow it",
				slog.String("origin", string(u.origin)), slog.String("host", string(u.host)),
				slog.String("address", u.conn.Address().String()))
		}
		return nil, u.refuseWith(http.StatusForbidden, "origin", "origin not allowed")
	}
	peer := u.conn.Address()
	trusted := anyContains(s.opts.TrustedProxies, peer.Addr())
	if trusted && len(u.forwarded) > 0 {
		if client, ok := forwardedFor(string(u.forwarded), s.opts.TrustedProxies); ok {
			u.conn.setAddress(netip.AddrPortFrom(client, 0))
			trusted = false
		}
	}
	if s.peers != nil && !trusted && !u.conn.is(limited) {
		if refused := s.peers.enter(u.conn.address, s.clock.Now()); refused != "" {
			return nil, u.refuseWith(http.StatusServiceUnavailable, refused, "too many connections from this address")
		}
		u.conn.set(limited)
	}
	return nil, nil
}

// refuseWith notes the metric label of a refusal and makes the error that gobwas
// turns into the answer.
func (u *upgrader) refuseWith(status int, reason, text string) error {
	u.reason = reason
	options := []ws.RejectOption{ws.RejectionStatus(status), ws.RejectionReason(text)}
	if status == http.StatusServiceUnavailable {
		options = append(options, ws.RejectionHeader(ws.HandshakeHeaderString("Retry-After: 5\r\n")))
	}
	return ws.RejectConnectionError(options...)
}

// headerValue finds a header in a request without parsing the rest of it; more
// tells that it is there again.
func headerValue(head []byte, name string) (value []byte, more bool) {
	for len(head) > 0 {
		var line []byte
		line, head, _ = bytes.Cut(head, []byte("\r\n"))
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			if value != nil {
				return value, true
			}
			value = bytes.TrimSpace(line[len(name)+1:])
		}
	}
	return value, false
}

// validKey checks a Sec-WebSocket-Key: 16 bytes in base64.
func validKey(key []byte) bool {
	var raw [18]byte
	if len(key) != 24 {
		return false
	}
	n, err := base64.StdEncoding.Decode(raw[:], key)
	return err == nil && n == 16
}
