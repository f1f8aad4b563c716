package webhook

import (
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// tripAfter is how many failures in a row open the breaker.
	tripAfter = 5
	// A backend that failed is left alone for this long, twice as long after each
	// try that failed again.
	firstRest = time.Second
	mostRest  = 30 * time.Second
	// probeWait is how long others wait while one call tries the backend again.
	probeWait = 100 * time.Millisecond
)

// breaker spares a backend that is down, and whoever would wait for it. Once
// tripAfter calls in a row failed, calls are refused without being tried; after a
// rest one is let through, and its end decides for the others.
type breaker struct {
	mu       sync.Mutex
	failures int           // guarded by mu; in a row
	rest     time.Duration // guarded by mu; 0 while closed
	until    time.Time     // guarded by mu
	probing  bool          // guarded by mu
}

// enter asks to make a call. When it can't be made now, wait is how long to
// keep away.
func (b *breaker) enter(now time.Time) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.rest == 0:
		return 0, true
	case now.Before(b.until):
		return b.until.Sub(now), false
	case b.probing:
		return probeWait, false
	}
	b.probing = true
	return 0, true
}

// verdict is what a call says about the backend.
type verdict uint8

const (
	alive  verdict = iota // it answered
	failed                // it didn't, or said that it can't
	unsure                // nothing was learnt
)

// leave ends what enter began; opened tells that the breaker opened now.
func (b *breaker) leave(v verdict, now time.Time) (opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch v {
	case alive:
		b.failures, b.rest, b.probing = 0, 0, false
	case unsure:
		b.probing = false
	case failed:
		b.failures++
		switch {
		case b.rest == 0 && b.failures < tripAfter:
			return false
		case b.rest == 0:
			b.rest, opened = firstRest, true
		case !b.probing:
			return false // began before it opened
		default:
			b.rest = min(2*b.rest, mostRest)
		}
		b.probing = false
		// Nodes that lost the same backend don't all come back at once.
		b.until = now.Add(b.rest/2 + rand.N(b.rest/2))
	}
	return opened
}
