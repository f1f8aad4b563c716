package main

import "sync"

// members is the set of open connections that a broadcast walks.
type members[C comparable] struct {
	mu  sync.RWMutex
	all map[C]struct{}
}

func (m *members[C]) add(c C) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil {
		m.all = map[C]struct{}{}
	}
	m.all[c] = struct{}{}
}

func (m *members[C]) remove(c C) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, c)
}

// each calls visit for every member. Connections may come and go once it returned.
func (m *members[C]) each(visit func(C)) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for c := range m.all {
		visit(c)
	}
}
