package poller

import (
	"errors"
	"reflect"
	_ "unsafe" // for go:linkname

	"github.com/cloudwego/netpoll"
)

// maxEvents is how many ready sockets one wait reports.
const maxEvents = 1024

// openPoll makes one netpoll event loop. netpoll exports the Poll and
// FDOperator types but only its own connections can get hold of a Poll, and a
// netpoll.Connection costs 12 to 20 KB while it is idle; a Poll with one
// FDOperator for each socket costs about a hundred bytes. Hence the linkname,
// alone in this file: a netpoll release that renames openPoll fails to link.
//
//go:linkname openPoll github.com/cloudwego/netpoll.openPoll
func openPoll() (netpoll.Poll, error)

// newPoll opens a poll whose event array stays small. By itself a poll doubles
// the array whenever a wait fills it, up to 131,072 slots, and keeps with each
// slot 1.4 KB of scratch space that only a netpoll.Connection uses: one storm of
// heartbeats would cost 180 MB for good. A full array costs nothing here, since
// what doesn't fit is reported by the next wait, so the hook that netpoll calls
// to grow it is replaced by one that doesn't.
func newPoll() (netpoll.Poll, error) {
	poll, err := openPoll()
	if err != nil {
		return nil, err
	}
	hook := reflect.ValueOf(poll).Elem().FieldByName("Reset")
	resize, ok := hook.Interface().(func(size, scratch int))
	if !ok {
		return nil, errors.New("netpoll's poll has no Reset hook: this version is not supported")
	}
	sized := false
	hook.Set(reflect.ValueOf(func(int, int) {
		if !sized {
			sized = true
			resize(maxEvents, 0)
		}
	}))
	return poll, nil
}
