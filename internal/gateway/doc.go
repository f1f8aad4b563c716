// Package gateway is the WebSocket door: it makes a session of each connection,
// logs it in, keeps it alive, and finds the handler of each request in the one
// table of routes. The event loops call it through poller.Handler; it stands on a
// node, which owns the loops and the directory of sessions, and calls the services.
//
// What may block (verifying a token, the store) runs on a bounded pool of workers,
// one request of a connection at a time, while the connection reads no further:
// replies keep the order of the requests. Everything else runs on the loop that
// owns the connection, and a session's state is touched there only.
package gateway
