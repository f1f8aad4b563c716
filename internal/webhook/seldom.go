package webhook

import (
	"sync"
	"time"
)

// logEvery is how often the log says that something keeps failing.
const logEvery = 10 * time.Second

// seldom lets one line into the log now and then and counts those it kept out:
// a backend that is down fails thousands of times a second.
type seldom struct {
	mu      sync.Mutex
	next    time.Time // guarded by mu
	skipped int       // guarded by mu
}

// now reports whether to write the line, and how many were left out since the
// last one.
func (s *seldom) now() (skipped int, ok bool) {
	t := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.Before(s.next) {
		s.skipped++
		return 0, false
	}
	skipped, s.skipped = s.skipped, 0
	s.next = t.Add(logEvery)
	return skipped, true
}
