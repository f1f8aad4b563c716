package hub

// Past is what a topic remembers, as of one moment.
type Past struct {
	Position           // of the newest message
	First     uint64   // offset of the oldest that is remembered; Offset+1 when none is
	Recovered bool     // Frames are all that came after the position asked for
	Frames    [][]byte // oldest first, with contiguous offsets; not to be changed
	After     uint64   // the offset before the first of Frames
}

// Publish gives a message the next place in a topic that Remembers, and queues
// it for the topic's members: in the order of the offsets, for each of them.
// frame makes the message for its place; it is called under the topic's own
// lock, against the rule of this house, because the place is in the message, and
// must do no more than put bytes together. With ErrBusy the message has its
// place, and members on the loops that refused will find a gap before the next.
func (h *Hub) Publish(topic string, except uint64, frame func(Position) []byte) (rec Receipt, at Position, err error) {
	h.stat.deliveries.Add(1)
	m, unlock := h.lockMemory(topic, true)
	size := 0
	func() {
		defer unlock()
		at = Position{m.last + 1, m.epoch}
		bytes := frame(at)
		m.addLocked(bytes, h.opt.Now(), h.memoryBytes())
		size = m.size
		var buf [8]roomCount
		rec, err = h.publish(h.rooms(buf[:0], topic), false, Filter{Except: except}, bytes)
	}()
	h.keptNow(m, size, true)
	return rec, at, err
}

// Join subscribes s to a topic, like Subscribe, and in the same step, with
// regard to publications, reads what came after since; nil asks for the position
// only. What is published from then on reaches s; what was published until then
// does not, also where it still stands in line. Of a session that was subscribed
// before that holds with since only; without, nothing changes for it. Frames are all of what s missed or, when they are not all remembered
// or have more than limit bytes, none. Of a topic that isn't remembered the
// position is zero.
func (h *Hub) Join(s *Session, name string, since *Position, limit int) (Past, error) {
	if !h.Remembers(name) {
		return Past{}, h.Subscribe(s, name)
	}
	m, unlock := h.lockMemory(name, false)
	defer unlock()
	was := s.topics.named(name) >= 0
	if err := h.Subscribe(s, name); err != nil {
		return Past{}, err
	}
	if !was || since != nil {
		h.rejoin(s, name)
	}
	if m == nil {
		p := Past{Position: Position{Epoch: h.memories.epoch.Load()}, First: 1}
		p.Recovered = since != nil && *since == p.Position
		h.countRecovery(since, p.Recovered)
		return p, nil
	}
	m.trimLocked(h.opt.Now(), h.memoryBytes())
	p := Past{Position: Position{m.last, m.epoch}, First: m.firstLocked()}
	if since != nil && since.Epoch == m.epoch && since.Offset <= m.last && since.Offset+1 >= p.First {
		if frames, whole := m.readLocked(since.Offset, len(m.entries), limit); whole {
			p.Frames, p.After, p.Recovered = frames, since.Offset, true
		}
	}
	h.countRecovery(since, p.Recovered)
	return p, nil
}

func (h *Hub) countRecovery(asked *Position, recovered bool) {
	switch {
	case asked == nil:
	case recovered:
		h.stat.recovered.Add(1)
	default:
		h.stat.unrecovered.Add(1)
	}
}

// rejoin moves a member behind the walk that is on and has it skip those in line.
func (h *Hub) rejoin(s *Session, name string) {
	m := &s.topics.list[s.topics.named(name)]
	m.room.remove(m.pos)
	m.pos = m.room.add(s)
	m.room.skipLine(s)
}

// readLocked returns up to count frames after an offset, which is at least
// first-1, and up to limit bytes of them but at least one; whole tells whether
// these are all.
func (m *memory) readLocked(after uint64, count, limit int) (frames [][]byte, whole bool) {
	from := len(m.entries) - int(m.last-after)
	for _, e := range m.entries[from:] {
		if limit -= len(e.frame); len(frames) >= count || limit < 0 && len(frames) > 0 {
			return frames, false
		}
		frames = append(frames, e.frame)
	}
	return frames, limit >= 0
}

// newestLocked is how many of the newest messages, up to count, fit into limit
// bytes, but at least one.
func (m *memory) newestLocked(count, limit int) (n uint64) {
	for i := len(m.entries) - 1; i >= 0 && int(n) < count; i-- {
		if limit -= len(m.entries[i].frame); limit < 0 && n > 0 {
			break
		}
		n++
	}
	return n
}

// ReadHistory returns up to count messages after an offset, or with nil the
// newest ones, as far as limit bytes reach but at least one. Where messages
// after the offset are forgotten it begins with First. Of a topic that isn't
// remembered the position is zero.
func (h *Hub) ReadHistory(topic string, after *uint64, count, limit int) Past {
	if !h.Remembers(topic) {
		return Past{}
	}
	m, unlock := h.lockMemory(topic, false)
	defer unlock()
	if m == nil {
		return Past{Position: Position{Epoch: h.memories.epoch.Load()}, First: 1}
	}
	m.trimLocked(h.opt.Now(), h.memoryBytes())
	p := Past{Position: Position{m.last, m.epoch}, First: m.firstLocked()}
	from := p.Offset - m.newestLocked(count, limit)
	if after != nil {
		from = min(max(*after, p.First-1), p.Offset)
	}
	p.After = from
	p.Frames, _ = m.readLocked(from, count, limit)
	return p
}
