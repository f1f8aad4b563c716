package hub

// Add logs s in: it gets its id and is found from now on. To be called on the
// session's loop. Under PolicyReplace the user's older sessions on the platform
// leave the directory in the same step, whatever loop they are on, and are
// returned: each is then to be closed on its own loop, where Remove takes it out
// of what that loop owns. Errors are ErrTaken, ErrTooMany and ErrSession.
func (h *Hub) Add(s *Session) (replaced []Entry, err error) {
	if s.live || s.User == "" || s.Conn == nil ||
		s.Platform >= MaxPlatforms || int(s.Loop) >= len(h.loops) {
		return nil, ErrSession
	}
	l := h.loops[s.Loop]
	l.changes.Add(1)
	replaced, came, err := h.link(s, l)
	if err == nil {
		s.live = true
		s.pos = l.everyone.add(s)
	}
	l.changes.Add(1)
	if err != nil {
		h.stat.refused.Add(1)
		return nil, err
	}
	h.stat.replaced.Add(uint64(len(replaced)))
	if came && h.opt.Presence != nil {
		h.opt.Presence(s.User, s.Platform, true)
	}
	return replaced, nil
}

// Remove logs s out and takes it out of its topics. To be called on the
// session's loop; a second call does nothing. The exported fields keep their
// values until the next Add.
func (h *Hub) Remove(s *Session) {
	if !s.live {
		return
	}
	l := h.loops[s.Loop]
	l.changes.Add(1)
	s.live = false
	linked, gone := h.unlink(s)
	if !linked {
		h.orphans.Add(-1)
	}
	h.leaveAll(s)
	l.everyone.remove(s.pos)
	l.changes.Add(1)
	if gone && h.opt.Presence != nil {
		h.opt.Presence(s.User, s.Platform, false)
	}
}
