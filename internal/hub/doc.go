// Package hub owns who is connected: the directory of sessions and users, the
// topics they are in, and the fan-out of one prebuilt frame to any
// of these. Package node calls it when a client logs in, subscribes or goes, and
// whenever something is to be delivered. It never touches a socket, never
// encodes, never starts a goroutine and never blocks: frames are handed to
// Conn.Write on the event loop that owns the connection, and loops are reached
// through Loops.Post. DESIGN.md beside this file says who may touch what.
package hub
