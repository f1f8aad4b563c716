package gateway

import "pushd/internal/poller"

// Reasons the gateway gives for the end of a connection, beside the
// node's and the poller's.
const (
	reasonRestart      poller.Reason = "restart"
	reasonBadToken     poller.Reason = "bad_token"
	reasonTokenExpired poller.Reason = "token_expired"
	reasonLoginTimeout poller.Reason = "login_timeout"
	reasonErrors       poller.Reason = "too_many_errors"
	reasonNoHeartbeat  poller.Reason = "no_heartbeat"
	reasonRateLimited  poller.Reason = "rate_limited"
)

// Reasons for the end of a login whose connection goes on.
const (
	reasonLogout  poller.Reason = "logout"
	reasonRefused poller.Reason = "refused" // by the directory, after the login was admitted
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
