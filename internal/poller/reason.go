package poller

// Reason says why a connection ended. Its text is the metric's label, so the
// set is small and fixed; the gateway adds its own.
type Reason string

// Reasons that the event loop itself gives.
const (
	PeerClosed       Reason = "peer_closed"       // the peer sent a Close frame
	PeerGone         Reason = "peer_gone"         // the socket ended without one
	HandshakeFailed  Reason = "handshake_failed"  // refused with an HTTP status
	HandshakeTimeout Reason = "handshake_timeout" // not complete in time
	HandedOff        Reason = "handed_off"        // another HTTP request, given away
	ProtocolError    Reason = "protocol_error"    // RFC 6455 broken; Close 1002
	NotText          Reason = "not_text"          // binary message; Close 1003
	BadUTF8          Reason = "bad_utf8"          // text that isn't UTF-8; Close 1007
	TooBig           Reason = "too_big"           // over MaxMessage or MaxFragments; Close 1009
	SlowConsumer     Reason = "slow_consumer"     // over SendBuffer or WriteTimeout; Close 4101
	Panicked         Reason = "panic"             // a handler panicked; Close 1011
	Stopped          Reason = "stopped"           // the server ended
)

// Close codes of RFC 6455 section 7.4.1 that the loop sends, and the one of
// its own for a peer that does not read.
const (
	CodeNormal        = 1000
	CodeProtocolError = 1002
	CodeNotText       = 1003
	CodeBadUTF8       = 1007
	CodeTooBig        = 1009
	CodeInternal      = 1011
	CodeSlowConsumer  = 4101
)
