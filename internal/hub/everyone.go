package hub

import "slices"

// AllOnline is every user that is online, in ascending order. ErrGroupFull says
// that there are more than most.
func (h *Hub) AllOnline(most int) ([]string, error) {
	var online []string
	for i := range h.users {
		online = h.users[i].appendUsers(online)
		if len(online) > most {
			return nil, ErrGroupFull
		}
	}
	slices.Sort(online)
	return online, nil
}
