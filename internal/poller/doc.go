// Package poller is the event loop: it accepts TCP connections, answers the
// WebSocket opening handshake, cuts the byte stream into messages, writes
// frames with back-pressure, keeps deadlines, and hands any other HTTP request
// on the same port to somebody else. It knows no JSON and no users.
//
// The gateway calls it: it supplies a Handler for each connection and is called
// back on the loop that owns the connection. A connection belongs to one loop
// for life and only that loop touches its state, so neither reading nor writing
// takes a lock; everybody else reaches a connection by posting to its loop.
// DESIGN.md beside this file lists the invariants.
package poller
