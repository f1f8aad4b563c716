package node

import "pushd/internal/poller"

// CloseCode describes a code with which connections end, for whoever lists them.
type CloseCode struct {
	Code   int
	Doc    string // what happened
	Client string // what the client does
}

// CloseCodes lists the codes with which the server ends connections.
func CloseCodes() []CloseCode {
	const (
		retry = "reconnects with growing, random delay"
		fault = "a mistake in the client: doesn't repeat it"
	)
	return []CloseCode{
		{poller.CodeNormal, "normal end: the answer to the client's own close", "reconnects only if the user wants it"},
		{poller.CodeProtocolError, "breach of the WebSocket protocol", fault},
		{poller.CodeNotText, "a binary frame", fault},
		{poller.CodeBadUTF8, "bytes that are not UTF-8", fault},
		{poller.CodeTooBig, "a message over the limit", fault},
		{poller.CodeInternal, "a fault of the server's while it handled a request of this client", retry},
		{
			CloseRestart, "the server restarts; the reason is JSON, `{\"reconnect_after_ms\":4711}`",
			"reconnects after that time",
		},
		{CloseBadToken, "the token was refused", "doesn't reconnect; gets another token"},
		{CloseTokenExpired, "the token ran out, or was revoked", "gets a fresh token, then reconnects"},
		{
			CloseReplaced, "another login of the same user on the same platform",
			"doesn't reconnect, or the two would chase each other",
		},
		{CloseKicked, "closed by an operator or backend; the reason says why", "doesn't reconnect by itself"},
		{CloseLoginTimeout, "no login in time", "doesn't reconnect by itself"},
		{CloseErrors, "too many malformed messages", fault},
		{poller.CodeSlowConsumer, "too slow to read what was sent to it", retry},
		{CloseNoHeartbeat, "no heartbeat", retry},
		{CloseRateLimited, "too many messages a second, and more after being told", retry},
	}
}
