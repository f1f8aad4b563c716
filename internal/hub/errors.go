package hub

import "errors"

// What the hub refuses. Each is a bound or a policy, never a fault; callers
// compare with errors.Is.
var (
	ErrTaken         = errors.New("hub: the user is already logged in on this platform")
	ErrTooMany       = errors.New("hub: the user has too many sessions")
	ErrSession       = errors.New("hub: session is incomplete or already added")
	ErrNotLive       = errors.New("hub: session is not logged in")
	ErrBusy          = errors.New("hub: an event loop is too busy to take the delivery")
	ErrTopicName     = errors.New("hub: topic name must have 1 to 192 bytes")
	ErrSessionTopics = errors.New("hub: the session is in too many topics")
	ErrUserTopics    = errors.New("hub: the user's sessions are in too many topics")
	ErrTopicsFull    = errors.New("hub: too many topics")
	ErrTooManyOnline = errors.New("hub: more users are online than were asked for")
	ErrCursor        = errors.New("hub: cursor does not parse")
	ErrID            = errors.New("hub: session id does not parse")
)
