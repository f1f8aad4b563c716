// Package router finds the handler of a request by Module and Action and calls
// it with its Data decoded into the handler's own type. The gateway fills one
// Table when it starts and asks it for every request; the router knows no
// connection, does not decide who may call what beyond the Open mark, and starts
// no goroutine.
//
// A panic in a handler passes through Call: only the gateway knows which
// connection has to pay for it.
package router

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"unicode/utf8"

	"pushd/internal/codec"
)

// Table is the routes of all modules, for handlers that are given a principal
// P. It is filled by Register before it is used; after that any number of
// goroutines may call its other methods.
type Table[P any] struct {
	routes  map[routeName]registered[P]
	modules map[string]struct{}
	actions []Action
}

type routeName struct{ module, action string }

type registered[P any] struct {
	route Route[P]
	place string // file:line of the Register call
}

// New returns an empty table.
func New[P any]() *Table[P] {
	return &Table[P]{routes: map[routeName]registered[P]{}, modules: map[string]struct{}{}}
}

// Register adds a module's handlers. A module may be registered in several
// parts. It panics when a name is empty, when a Handler was made by neither Typed
// nor Direct, when the code for its types can't be made, and when an action is taken; the
// message then names both places.
func (t *Table[P]) Register(module string, h Handlers[P]) {
	place := "an unknown place"
	if _, file, line, ok := runtime.Caller(1); ok {
		place = fmt.Sprintf("%s:%d", file, line)
	}
	for action, handler := range h {
		id := routeName{module, action}
		full := module + "." + action
		if module == "" || action == "" || handler.call == nil && handler.direct == nil {
			panic(fmt.Sprintf("router: %q at %s has an empty name or an empty handler", full, place))
		}
		if other, taken := t.routes[id]; taken {
			panic(fmt.Sprintf("router: %q is registered at %s and at %s", full, other.place, place))
		}
		// Here and not at the first request, which may be on an event loop.
		if err := codec.Prepare(handler.request, handler.reply); err != nil {
			panic(fmt.Sprintf("router: %q at %s: %v", full, place, err))
		}
		route := Route[P]{Module: module, Action: action, Inline: handler.inline, Open: handler.open, Direct: handler.direct, call: handler.call}
		t.routes[id] = registered[P]{route, place}
		t.actions = append(t.actions, Action{module, action, handler.doc, handler.request, handler.reply, handler.open})
	}
	t.modules[module] = struct{}{}
}

// Lookup finds the handler of an action; names are matched exactly. The error is
// a *codec.Error with code 404 that names what is missing. A hit allocates
// nothing, so module and action may be views of a buffer.
func (t *Table[P]) Lookup(module, action string) (Route[P], error) {
	if r, ok := t.routes[routeName{module, action}]; ok {
		return r.route, nil
	}
	if _, ok := t.modules[module]; !ok {
		return Route[P]{}, codec.Errorf(codec.CodeNotFound, "no module %s", quote(module))
	}
	return Route[P]{}, codec.Errorf(codec.CodeNotFound, "no action %s in module %s", quote(action), quote(module))
}

// Actions describes every route, sorted by module and action.
func (t *Table[P]) Actions() []Action {
	all := slices.Clone(t.actions)
	slices.SortFunc(all, func(a, b Action) int {
		return cmp.Or(cmp.Compare(a.Module, b.Module), cmp.Compare(a.Action, b.Action))
	})
	return all
}

// Routes returns "module.Action" of every route, sorted.
func (t *Table[P]) Routes() []string {
	all := make([]string, 0, len(t.routes))
	for id := range t.routes {
		all = append(all, id.module+"."+id.action)
	}
	slices.Sort(all)
	return all
}

// maxQuoted is how many bytes of a client's text an error repeats.
const maxQuoted = 64

// quote cuts s, between characters, and puts it in quotes.
func quote(s string) string {
	if len(s) <= maxQuoted {
		return strconv.Quote(s)
	}
	n := maxQuoted
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strconv.Quote(s[:n]) + "…"
}
