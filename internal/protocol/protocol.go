// Package protocol collects what clients can say to the server and hear from it: the
// table of routes, the catalogues of pushes, the codes of errors and of closed
// connections. From that it writes the one machine-readable description of the client
// protocol, an AsyncAPI document, and the tables of the pages in docs. It runs when
// the project is built and tested, and is no part of the server.
//
// Field names, types and comments come from the Go types of requests, replies and
// pushes, so the description follows the server; protocoltest holds real frames to it.
package protocol

import (
	"cmp"
	"slices"

	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/gateway"
	"pushd/internal/node"
	"pushd/internal/push"
	"pushd/internal/router"
)

//go:generate go run ./generate

// Protocol is everything that clients meet on the socket.
type Protocol struct {
	Actions []router.Action  // by module and action
	Pushes  []codec.PushInfo // by module, in the order of their catalogues
	Errors  []codec.CodeInfo // ascending
	Closes  []node.CloseCode // ascending
}

// Collect gathers it from the packages that own the parts.
func Collect() Protocol {
	pushes := slices.Concat(push.Pushes(), chat.Pushes())
	slices.SortStableFunc(pushes, func(a, b codec.PushInfo) int { return cmp.Compare(a.Module, b.Module) })
	return Protocol{Actions: gateway.Actions(), Pushes: pushes, Errors: codec.Codes(), Closes: node.CloseCodes()}
}
