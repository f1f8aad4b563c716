package wire

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// maxHead bounds the server's handshake reply.
const maxHead = 8 << 10

// key is the Sec-WebSocket-Key of every connection. RFC 6455 wants it random to
// tell an answering server from a cache; on a load test's own server a constant
// one lets the request be built once and the answer be compared byte for byte.
var (
	key    = base64.StdEncoding.EncodeToString([]byte("pushbench-load-1"))
	accept = acceptFor(key)
)

func acceptFor(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Request is the opening handshake for path on host, ready to be written on any
// number of connections.
func Request(host, path string) []byte {
	var b strings.Builder
	b.WriteString("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n")
	b.WriteString("Upgrade: websocket\r\nConnection: Upgrade\r\n")
	b.WriteString("Sec-WebSocket-Key: " + key + "\r\nSec-WebSocket-Version: 13\r\n\r\n")
	return []byte(b.String())
}

// HandshakeError is a server's answer that is no agreement to upgrade. Status
// is 0 when the answer is a 101 that breaks RFC 6455, section 4.1.
type HandshakeError struct {
	Status int
	Reason string
}

func (e *HandshakeError) Error() string {
	if e.Status != 0 {
		return "handshake answered " + strconv.Itoa(e.Status)
	}
	return "handshake: " + e.Reason
}

// readHead checks the handshake reply at the start of b and returns its length,
// 0 when it isn't whole.
func readHead(b []byte) (int, error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > maxHead {
			return 0, &HandshakeError{Reason: fmt.Sprintf("reply over %d bytes", maxHead)}
		}
		return 0, nil
	}
	line, fields, _ := bytes.Cut(b[:end], []byte("\r\n"))
	version, rest, _ := bytes.Cut(line, []byte(" "))
	code, _, _ := bytes.Cut(rest, []byte(" "))
	status, err := strconv.Atoi(string(code))
	if err != nil || !bytes.HasPrefix(version, []byte("HTTP/1.")) {
		return 0, &HandshakeError{Reason: "no HTTP reply"}
	}
	if status != 101 {
		return 0, &HandshakeError{Status: status}
	}
	var upgrade, connection, accepted bool
	for len(fields) > 0 {
		var field []byte
		field, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, ok := bytes.Cut(field, []byte(":"))
		if !ok {
			return 0, &HandshakeError{Reason: "header line without a colon"}
		}
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Upgrade")):
			upgrade = bytes.EqualFold(value, []byte("websocket"))
		case bytes.EqualFold(name, []byte("Connection")):
			connection = hasToken(value, "upgrade")
		case bytes.EqualFold(name, []byte("Sec-WebSocket-Accept")):
			accepted = string(value) == accept
		case bytes.EqualFold(name, []byte("Sec-WebSocket-Extensions")):
			return 0, &HandshakeError{Reason: "extension that wasn't asked for"}
		}
	}
	if !upgrade || !connection || !accepted {
		return 0, &HandshakeError{Reason: "101 without the right Upgrade, Connection and Sec-WebSocket-Accept"}
	}
	return end + 4, nil
}

func hasToken(list []byte, token string) bool {
	for part := range bytes.SplitSeq(list, []byte(",")) {
		if strings.EqualFold(string(bytes.TrimSpace(part)), token) {
			return true
		}
	}
	return false
}
