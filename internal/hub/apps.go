package hub

import (
	"strings"
	"sync"
	"sync/atomic"
)

// maxAppName is the longest application name that is kept, in bytes.
const maxAppName = 64

// apps numbers the names of client applications, so that a session holds two
// bytes of one. Clients choose the names, hence the bound: what comes over it is
// the nameless application 0. Names are few and never removed.
type apps struct {
	mu   sync.Mutex // for writers
	seen atomic.Pointer[appNames]
}

type appNames struct { // immutable
	byName map[string]uint16
	names  []string
}

func (a *apps) init() {
	a.seen.Store(&appNames{map[string]uint16{"": 0}, []string{""}})
}

// Intern returns the number of an application name: 0 for "", for a name over
// 64 bytes, and for a new one when Options.MaxApps are known.
func (h *Hub) Intern(app string) uint16 {
	if n, ok := h.apps.seen.Load().byName[app]; ok {
		return n
	}
	if len(app) > maxAppName {
		return 0
	}
	h.apps.mu.Lock()
	defer h.apps.mu.Unlock()
	old := h.apps.seen.Load()
	if n, ok := old.byName[app]; ok {
		return n
	}
	if len(old.names) > h.opt.MaxApps {
		return 0
	}
	app = strings.Clone(app)
	next := &appNames{
		byName: make(map[string]uint16, len(old.names)+1),
		names:  append(old.names[:len(old.names):len(old.names)], app),
	}
	for i, name := range next.names {
		next.byName[name] = uint16(i)
	}
	h.apps.seen.Store(next)
	return uint16(len(old.names))
}

// AppName returns the name behind a number of Intern.
func (h *Hub) AppName(app uint16) string {
	names := h.apps.seen.Load().names
	if int(app) >= len(names) {
		return ""
	}
	return names[app]
}
