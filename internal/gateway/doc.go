// Package gateway is the WebSocket door: it makes a session of each connection,
// logs it in, keeps it alive, finds the handler of each request in the one table
// of routes, and delivers pushes to the sessions of this node. The event loops
// call it through poller.Handler; the services reach the node through the ports
// that push declares, which Gateway implements over the hub.
//
// What may block (verifying a token, one day a database) runs on a bounded pool
// of workers, one request of a connection at a time, while the connection reads
// no further: replies keep the order of the requests. Everything else runs on
// the loop that owns the connection, and a session's state is touched there only.
package gateway
