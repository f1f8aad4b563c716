package router

import (
	"context"
	"reflect"

	"pushd/internal/codec"
)

// Handlers are the actions of one module by name.
type Handlers[P any] map[string]Handler[P]

// Handler is what Typed and Direct make of a function.
type Handler[P any] struct {
	call           callFunc[P]
	direct         func(p P, r *codec.Request)
	doc            string
	request, reply reflect.Type // nil for struct{}, which has nothing to decode or encode
	inline, open   bool
}

type callFunc[P any] func(ctx context.Context, p P, data []byte) (any, error)

// Typed makes a handler of f. Req is what Data is decoded into, by
// codec.DecodeData: once, strictly, and into memory of its own. A Req of
// struct{} takes no Data and ignores what comes. A Rep of struct{}, or a nil
// pointer, gives no Data in the reply. The handler may block and needs a login,
// unless marked otherwise.
func Typed[P, Req, Rep any](f func(context.Context, P, Req) (Rep, error)) Handler[P] {
	request, reply := reflect.TypeFor[Req](), reflect.TypeFor[Rep]()
	if request == reflect.TypeFor[struct{}]() {
		request = nil
	}
	if reply == reflect.TypeFor[struct{}]() {
		reply = nil
	}
	call := func(ctx context.Context, p P, data []byte) (any, error) {
		var req Req
		if request != nil {
			if err := codec.DecodeData(data, &req); err != nil {
				return nil, err
			}
		}
		rep, err := f(ctx, p, req)
		if err != nil || reply == nil {
			return nil, err
		}
		return rep, nil
	}
	return Handler[P]{call: call, request: request, reply: reply}
}

// Direct makes a handler that looks at no Data and writes its reply itself, on the
// event loop: it is for what most requests are, and saves them boxes and
// allocations. Rep is the reply's Data, for whoever lists the routes.
func Direct[P, Rep any](write func(p P, r *codec.Request)) Handler[P] {
	reply := reflect.TypeFor[Rep]()
	if reply == reflect.TypeFor[struct{}]() {
		reply = nil
	}
	return Handler[P]{direct: write, reply: reply, inline: true}
}

// Inline marks a handler that works in memory only and never blocks, so that it
// may run on the event loop, before anything the connection sends later.
func (h Handler[P]) Inline() Handler[P] {
	h.inline = true
	return h
}

// Open marks a handler that is allowed before login.
func (h Handler[P]) Open() Handler[P] {
	h.open = true
	return h
}

// Doc says in one line of Markdown what the action does, for whoever lists it.
func (h Handler[P]) Doc(text string) Handler[P] {
	h.doc = text
	return h
}

// Action describes a route for whoever lists them.
type Action struct {
	Module, Action string
	Doc            string       // "" when the module gave none
	Request, Reply reflect.Type // nil for no Data
	Open           bool         // allowed before login
}

// Route is a handler in its place in the table.
type Route[P any] struct {
	Module, Action string // owned by the table, unlike the strings of a request
	Inline         bool   // may run on the event loop
	Open           bool   // allowed before login

	// Direct, if set, writes the reply; Call is then not for use.
	Direct func(p P, r *codec.Request)

	call callFunc[P]
}

// Call decodes data and calls the handler. data is not kept. reply is nil when
// there is none; err is whatever the handler returned, or a *codec.Error with
// code 400 when data does not fit. A panic of the handler is not recovered.
func (r Route[P]) Call(ctx context.Context, p P, data []byte) (reply any, err error) {
	return r.call(ctx, p, data)
}
