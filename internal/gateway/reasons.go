package gateway

import "pushd/internal/poller"

// Close codes of the client protocol. 4000 to 4099 are final: a client doesn't
// come back by itself. After 4100 to 4199 it reconnects with growing delay.
const (
	closeRestart      = 1012
	closeBadToken     = 4001
	closeTokenExpired = 4002
	closeReplaced     = 4003
	closeKicked       = 4004
	closeLoginTimeout = 4005
	closeErrors       = 4006
	closeNoHeartbeat  = 4102
	closeRateLimited  = 4103
)

// Reasons the gateway gives for the end of a connection, beside the poller's.
const (
	reasonRestart      poller.Reason = "restart"
	reasonBadToken     poller.Reason = "bad_token"
	reasonTokenExpired poller.Reason = "token_expired"
	reasonTokenRevoked poller.Reason = "token_revoked"
	reasonReplaced     poller.Reason = "replaced"
	reasonKicked       poller.Reason = "kicked"
	reasonLoginTimeout poller.Reason = "login_timeout"
	reasonErrors       poller.Reason = "too_many_errors"
	reasonNoHeartbeat  poller.Reason = "no_heartbeat"
	reasonRateLimited  poller.Reason = "rate_limited"
)

// Reasons for the end of a login whose connection goes on.
const (
	reasonLogout  poller.Reason = "logout"
	reasonRefused poller.Reason = "refused" // by the directory, after the Lifecycle had admitted it
)

// resumable tells whether a client that lost its connection for this reason
// may come back for its subscriptions. It is not when the end was meant.
func resumable(why poller.Reason) bool {
	switch why {
	case poller.PeerGone, poller.SlowConsumer, poller.Panicked, reasonNoHeartbeat, reasonRateLimited, reasonRestart:
		return true
	}
	return false
}
