package account

// SessionBegan is published by a door when a login is admitted: the token is good, and
// whoever is asked about logins agrees. The session is not in the directory yet, so
// Identity.Session is "". A login that renews one is no event.
type SessionBegan struct{ Identity Identity }

// SessionEnded is published exactly once for every SessionBegan, and after it, whatever
// becomes of the session: logout, a close of either side, a connection that just
// vanished, a login elsewhere, a stop of the server, or a directory that refused it
// after all; Identity.Session is "" then. It may be published on an event loop.
type SessionEnded struct {
	Identity Identity
	Reason   string // the label that metrics count closes by, or "logout" or "refused"
}
