// Package node is one node's delivery engine: it owns the event loops and the
// directory of sessions, and answers the services' questions about them: deliver a
// frame, who is online, close or describe sessions, topics. It is made whole by
// New, before the services and the doors, and implements the ports of packages
// delivery, push and chat; several nodes together will implement the same ports.
//
// A door gives it connections: it listens through Listen, embeds Session in its own
// session, and enters and leaves the directory on the session's loop. The node
// knows neither the client protocol nor who may do what.
package node
