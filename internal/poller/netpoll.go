package poller

import (
	_ "unsafe" // for go:linkname

	"github.com/cloudwego/netpoll"
)

// openPoll makes one netpoll event loop. netpoll exports the Poll and
// FDOperator types but only its own connections can get hold of a Poll, and a
// netpoll.Connection costs 12 to 20 KB while it is idle; a Poll with one
// FDOperator for each socket costs about a hundred bytes. Hence the linkname,
// alone in this file: a netpoll release that renames openPoll fails to link.
//
//go:linkname openPoll github.com/cloudwego/netpoll.openPoll
func openPoll() (netpoll.Poll, error)
