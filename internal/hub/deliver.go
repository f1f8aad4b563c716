package hub

import "slices"

// Target says who receives a frame: the union of all lists, each session once,
// or with Everyone all sessions, the lists then being ignored. Names nobody has
// are no error.
type Target struct {
	Everyone bool
	Users    []string
	Members  []string // users who are reached as members of a group: ascending, each once, never changed
	Without  []string // users who get nothing as Users or Members: ascending, each once
	Topics   []string
	Sessions []uint64
	Filter   Filter

	// Order keeps the order of deliveries that have the same one, whatever their
	// targets are: no session gets the second before the first. "" is none. Topics
	// have an order of their own and go without.
	Order string
}

// Receipt tells who a frame was queued for.
type Receipt struct {
	// Sessions is exact for users, groups and sessions. Members of topics are
	// known on their loops only: for these it is the number of members, which is
	// more than will receive it when a Filter applies or the lists overlap.
	Sessions int
	// Users is the number of distinct users among the sessions; members of
	// topics and of everyone are not told apart and count one each. With ErrBusy
	// it includes users whose sessions are all on a loop that refused.
	Users int
	// Offline holds, in ascending order, those of Target.Users that had no
	// session on the filter's platforms. The session that Filter.Except leaves out
	// counts as one: its user is here.
	Offline []string
}

// Deliver queues one immutable frame for every session of the target. Of two
// deliveries made one after the other to one topic, to everyone, to the same
// lists, or with the same Target.Order, no session gets the second before the
// first; between others there is no order. Sessions that log in or subscribe after a loop
// has begun with the frame do not get it. When a loop can't take it, the error
// is ErrBusy and the receipt tells what the other loops took.
func (h *Hub) Deliver(to Target, frame []byte) (Receipt, error) {
	h.stat.deliveries.Add(1)
	order := h.orderKey(to.Order)
	if to.Everyone {
		return h.everyone(to.Filter, order, frame)
	}
	var buf [8]roomCount
	rooms := h.targetRooms(buf[:0], to.Topics)
	if len(to.Users)+len(to.Members)+len(to.Sessions) == 0 {
		return h.publish(rooms, len(to.Topics) > 1, to.Filter, frame)
	}
	lists := make([][]ref, len(h.loops))
	rec := h.named(to, lists)
	// A list that is long by what was asked for, not by who happens to be online:
	// deliveries to the same lists always take the same line and keep their order.
	long := to.Members != nil || len(to.Users)+len(to.Sessions) > h.opt.Slice
	busy := false
	for i, list := range lists {
		if len(list) == 0 {
			continue
		}
		line := &h.loops[i].direct
		if long {
			line = &h.loops[i].bulk
		}
		if !line.enqueue(fanOut{frame: frame, list: list, order: order}) {
			busy = true
			rec.Sessions -= len(list)
		}
	}
	if len(rooms) > 0 {
		got, err := h.publishSeen(rooms, seenSets(len(h.loops), rooms, lists), to.Filter, frame)
		rec.Sessions += got.Sessions
		rec.Users += got.Users
		busy = busy || err != nil
	}
	if busy {
		h.stat.busy.Add(1)
		return rec, ErrBusy
	}
	return rec, nil
}

// everyone queues the frame for all sessions of all loops that have any.
func (h *Hub) everyone(f Filter, order uint64, frame []byte) (rec Receipt, err error) {
	except := -1 // the loop of the session left out
	if f.Except != 0 {
		if e, ok := h.Lookup(f.Except); ok && f.Admits(e.Platform) {
			except = int(e.Loop)
		}
	}
	for i, l := range h.loops {
		n := l.count(f)
		if n == 0 {
			continue
		}
		if !l.everyone.enqueue(fanOut{frame: frame, filter: f, order: order}) {
			err = ErrBusy
			continue
		}
		if i == except {
			n--
		}
		rec.Sessions += n
	}
	rec.Users = rec.Sessions
	if err != nil {
		h.stat.busy.Add(1)
	}
	return rec, err
}

// count is the number of the loop's sessions on the platforms that the filter admits.
func (l *loop) count(f Filter) (n int) {
	for p := range l.platforms {
		if f.Admits(uint8(p)) {
			n += int(l.platforms[p].Load())
		}
	}
	return n
}

// targetRooms appends the rooms of all topics, each topic once.
func (h *Hub) targetRooms(dst []roomCount, topics []string) []roomCount {
	for _, name := range unique(topics) {
		dst = h.rooms(dst, name)
	}
	return dst
}

// publish queues the frame for topics alone.
func (h *Hub) publish(rooms []roomCount, several bool, f Filter, frame []byte) (Receipt, error) {
	var seen []map[uint64]struct{}
	if several {
		seen = seenSets(len(h.loops), rooms, nil)
	}
	rec, err := h.publishSeen(rooms, seen, f, frame)
	if err != nil {
		h.stat.busy.Add(1)
	}
	return rec, err
}

func (h *Hub) publishSeen(
	rooms []roomCount, seen []map[uint64]struct{}, f Filter, frame []byte,
) (rec Receipt, err error) {
	for _, rc := range rooms {
		var set map[uint64]struct{}
		if seen != nil {
			set = seen[rc.room.loop.index]
		}
		if !rc.room.enqueue(fanOut{frame: frame, filter: f, seen: set}) {
			err = ErrBusy
			continue
		}
		rec.Sessions += rc.n
	}
	rec.Users = rec.Sessions
	return rec, err
}

// seenSets makes, for each loop where one session could be met twice, the set
// by which the walks of this delivery recognise the sessions that another of them,
// or the named list, has served. A set belongs to its loop as soon as the first walk
// with it is queued, and all its walks run there.
func seenSets(loops int, rooms []roomCount, lists [][]ref) []map[uint64]struct{} {
	perLoop := make([]int, loops)
	for _, rc := range rooms {
		perLoop[rc.room.loop.index]++
	}
	sets := make([]map[uint64]struct{}, loops)
	for i, n := range perLoop {
		var list []ref
		if lists != nil {
			list = lists[i]
		}
		if n == 0 || n == 1 && len(list) == 0 {
			continue
		}
		sets[i] = make(map[uint64]struct{}, len(list))
		for _, to := range list {
			sets[i][to.id] = struct{}{}
		}
	}
	return sets
}

// named looks up users, group members and sessions and puts each session once
// into the list of its loop.
func (h *Hub) named(to Target, lists [][]ref) (rec Receipt) {
	users := unique(to.Users)
	for _, u := range users {
		if has(to.Without, u) {
			continue
		}
		n, here := h.collect(u, to.Filter, lists)
		if !here {
			rec.Offline = append(rec.Offline, u)
		}
		rec.count(n)
	}
	for _, u := range to.Members {
		if has(users, u) || has(to.Without, u) {
			continue
		}
		n, _ := h.collect(u, to.Filter, lists)
		rec.count(n)
	}
	var more []string // users met by session id only
	for _, id := range unique(to.Sessions) {
		e, ok := h.Lookup(id)
		if !ok || id == to.Filter.Except || !to.Filter.Admits(e.Platform) ||
			!has(to.Without, e.User) && (has(users, e.User) || has(to.Members, e.User)) {
			continue
		}
		lists[e.Loop] = append(lists[e.Loop], ref{e.Session, e.ID})
		rec.Sessions++
		more = append(more, e.User)
	}
	rec.Users += len(unique(more))
	return rec
}

// count adds the sessions of one user.
func (r *Receipt) count(sessions int) {
	r.Sessions += sessions
	if sessions > 0 {
		r.Users++
	}
}

// unique returns the values ascending and each once, and leaves list as it is.
func unique[T string | uint64](list []T) []T {
	if len(list) < 2 {
		return list
	}
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// has reports whether a list made by unique holds v.
func has(list []string, v string) bool {
	_, ok := slices.BinarySearch(list, v)
	return ok
}
