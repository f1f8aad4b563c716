package hub

// Conn is what the hub needs of a connection. Write is called on the loop that
// owns it, queues one or more whole prebuilt frames, and may retain the bytes
// by reference; nobody changes them afterwards. Write must not block. It may
// call Remove for its own session when it finds the connection gone.
type Conn interface {
	Write(frame []byte)
}

// MaxPlatforms is the number of platforms that can be told apart.
const MaxPlatforms = 64

// Session is one login. It is meant to be embedded by value in the gateway's
// own session, so that both are one allocation. The gateway fills the exported
// fields except ID and calls Add, on the loop that owns the connection; from
// then until Remove they do not change. After Remove they may be filled again
// for another Add. Code that is not on the session's loop therefore never reads
// a Session: it works with an Entry, which is a copy.
type Session struct {
	// Immutable from Add to Remove.

	ID       uint64 // random and unique, set by Add; never zero
	User     string // retained: must not alias a buffer that is used again
	Conn     Conn
	Since    uint32 // login time, Unix seconds
	Loop     uint16 // the loop that owns the connection
	App      uint16 // see Hub.Intern
	Platform uint8  // below MaxPlatforms

	// Owned by the loop.

	live   bool
	subs   uint16       // len of topics.list; changed by the loop under the user's shard lock, so others read it there
	pos    uint32       // place in the everyone room of the loop
	topics *memberships // nil until the first Subscribe: most sessions have none

	// Guarded by the user's shard.

	next *Session // sessions whose users have the same hash
}

// Is reports whether the session is logged in under this id. To be called on
// the session's loop: an Entry may be older than a Logout and a new Login on the
// same socket, and what was meant for the one must not meet the other.
func (s *Session) Is(id uint64) bool { return s.live && s.ID == id }

// Live reports whether the session is between Add and Remove. To be called on
// the session's loop.
func (s *Session) Live() bool { return s.live }

// Entry is a copy of what the directory knows of one session. Session is there
// to be handed to the session's loop and, there, checked with Is(ID).
type Entry struct {
	Session  *Session
	ID       uint64
	User     string
	Since    uint32 // login time, Unix seconds
	Loop     uint16
	App      uint16
	Platform uint8
}

// entry copies s; the caller holds a shard lock under which s is linked.
func (s *Session) entry() Entry {
	return Entry{
		Session: s, ID: s.ID, User: s.User,
		Since: s.Since, Loop: s.Loop, App: s.App, Platform: s.Platform,
	}
}

// Filter narrows a delivery.
type Filter struct {
	Platforms uint64 // bit n admits platform n; 0 admits all
	Except    uint64 // a session id that does not receive it; 0 is none
}

// Admits reports whether sessions on a platform are among the receivers.
func (f Filter) Admits(platform uint8) bool {
	return f.Platforms == 0 || f.Platforms>>platform&1 == 1
}

func (f Filter) match(s *Session) bool {
	return s.ID != f.Except && f.Admits(s.Platform)
}
