package hub

import "slices"

// AllOnline is every user that is online, in ascending order. ErrTooManyOnline
// says that there are more than most.
func (h *Hub) AllOnline(most int) ([]string, error) {
	var online []string
	for i := range h.users {
		online = h.users[i].appendUsers(online)
		if len(online) > most {
			return nil, ErrTooManyOnline
		}
	}
	slices.Sort(online)
	return online, nil
}

// appendUsers appends the distinct users of the shard.
func (u *userShard) appendUsers(dst []string) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.chains.all(func(head *Session) {
		for e := head; e != nil; e = e.next {
			if e.firstOf(head) {
				dst = append(dst, e.User)
			}
		}
	})
	return dst
}

// firstOf reports whether no session before s in the chain has the same user.
func (s *Session) firstOf(head *Session) bool {
	for e := head; e != s; e = e.next {
		if e.User == s.User {
			return false
		}
	}
	return true
}
