package chattest

import (
	"context"
	"maps"
	"slices"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

// Relation implements chat.Friends.
func (s *Store) Relation(_ context.Context, user, other string) (chat.Friend, error) {
	if err := s.begin("Relation"); err != nil {
		return chat.Friend{}, err
	}
	defer s.mu.Unlock()
	return s.friends[[2]string{user, other}], nil
}

// Befriend makes two users friends.
func (s *Store) Befriend(a, b string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.friends[[2]string{a, b}] = chat.Friend{User: b, State: chat.FriendYes}
	s.friends[[2]string{b, a}] = chat.Friend{User: a, State: chat.FriendYes}
}

// changePair lets f change how two users have each other in their lists, unless it
// ends in an error.
func (s *Store) changePair(
	operation, user, other string, now int64, f func(mine, theirs *chat.Friend) error,
) (chat.Friend, error) {
	if err := s.begin(operation); err != nil {
		return chat.Friend{}, err
	}
	defer s.mu.Unlock()
	mine, theirs := s.entry(user, other, now), s.entry(other, user, now)
	if err := f(&mine, &theirs); err != nil {
		return chat.Friend{}, err
	}
	s.save(user, mine)
	s.save(other, theirs)
	return mine, nil
}

func (s *Store) entry(user, other string, now int64) chat.Friend {
	if f, ok := s.friends[[2]string{user, other}]; ok {
		return f
	}
	return chat.Friend{User: other, State: chat.FriendNone, Since: now}
}

func (s *Store) save(user string, f chat.Friend) {
	if f.State == chat.FriendNone && !f.Blocked {
		delete(s.friends, [2]string{user, f.User})
		return
	}
	s.friends[[2]string{user, f.User}] = f
}

func become(f *chat.Friend, state, text string, now int64) {
	f.State, f.Text, f.Since = state, text, now
}

func end(f *chat.Friend) { f.State, f.Text, f.Remark = chat.FriendNone, "", "" }

// checkEntries is 429 when the user's list can't take another entry of their own making.
func (s *Store) checkEntries(user, other string, most int) error {
	n := 0
	for at, f := range s.friends {
		if at[0] == user && at[1] != other && (f.State == chat.FriendYes || f.State == chat.FriendAsked || f.Blocked) {
			n++
		}
	}
	if most > 0 && n >= most {
		return codec.Errorf(codec.CodeTooMany, "the list of %s is full with %d friends, requests and blocks", user, n)
	}
	return nil
}

// checkRequests is 429 when too many requests wait for the user's answer.
func (s *Store) checkRequests(user string, most int) error {
	n := 0
	for at, f := range s.friends {
		if at[0] == user && f.State == chat.FriendAsking {
			n++
		}
	}
	if most > 0 && n >= most {
		return codec.Errorf(codec.CodeTooMany, "%d requests wait for an answer of %s already: try again later", n, user)
	}
	return nil
}

// AskFriend implements chat.Friends.
func (s *Store) AskFriend(
	_ context.Context, user, other, text string, b chat.FriendBounds, now int64,
) (f chat.Friend, fresh bool, err error) {
	f, err = s.changePair("AskFriend", user, other, now, func(mine, theirs *chat.Friend) error {
		switch {
		case mine.Blocked:
			return codec.Errorf(codec.CodeConflict, "you have blocked %s: unblock first", other)
		case theirs.Blocked:
			return codec.Errorf(codec.CodeForbidden, "%s doesn't want to hear from you", other)
		}
		switch mine.State {
		case chat.FriendYes:
			return nil
		case chat.FriendAsked:
			mine.Text, theirs.Text = text, text
			return nil
		}
		if err := s.checkEntries(user, other, b.Entries); err != nil {
			return err
		}
		fresh = true
		if mine.State == chat.FriendAsking {
			become(mine, chat.FriendYes, "", now)
			become(theirs, chat.FriendYes, "", now)
			return nil
		}
		if err := s.checkRequests(other, b.Requests); err != nil {
			return err
		}
		become(mine, chat.FriendAsked, text, now)
		become(theirs, chat.FriendAsking, text, now)
		return nil
	})
	return f, fresh && err == nil, err
}

func friendRequestNotFound(other string) error {
	return codec.Errorf(codec.CodeNotFound, "no request of %s waits for an answer", other)
}

// AcceptFriend implements chat.Friends.
func (s *Store) AcceptFriend(
	_ context.Context, user, other string, b chat.FriendBounds, now int64,
) (chat.Friend, error) {
	return s.changePair("AcceptFriend", user, other, now, func(mine, theirs *chat.Friend) error {
		if mine.State != chat.FriendAsking {
			return friendRequestNotFound(other)
		}
		if err := s.checkEntries(user, other, b.Entries); err != nil {
			return err
		}
		become(mine, chat.FriendYes, "", now)
		become(theirs, chat.FriendYes, "", now)
		return nil
	})
}

// RefuseFriend implements chat.Friends.
func (s *Store) RefuseFriend(_ context.Context, user, other string) error {
	_, err := s.changePair("RefuseFriend", user, other, 0, func(mine, theirs *chat.Friend) error {
		if mine.State != chat.FriendAsking {
			return friendRequestNotFound(other)
		}
		end(mine)
		end(theirs)
		return nil
	})
	return err
}

// RemoveFriend implements chat.Friends.
func (s *Store) RemoveFriend(_ context.Context, user, other string) (was string, err error) {
	_, err = s.changePair("RemoveFriend", user, other, 0, func(mine, theirs *chat.Friend) error {
		was = mine.State
		end(mine)
		end(theirs)
		return nil
	})
	return was, err
}

// RemarkFriend implements chat.Friends.
func (s *Store) RemarkFriend(_ context.Context, user, other, remark string) (chat.Friend, error) {
	if err := s.begin("RemarkFriend"); err != nil {
		return chat.Friend{}, err
	}
	defer s.mu.Unlock()
	f, ok := s.friends[[2]string{user, other}]
	if !ok {
		return chat.Friend{}, codec.Errorf(codec.CodeNotFound, "%s is not in your list", other)
	}
	f.Remark = remark
	s.friends[[2]string{user, other}] = f
	return f, nil
}

// Block implements chat.Friends.
func (s *Store) Block(
	_ context.Context, user, other string, on bool, b chat.FriendBounds, now int64,
) (chat.Friend, error) {
	return s.changePair("Block", user, other, now, func(mine, theirs *chat.Friend) error {
		mine.Blocked = on
		if !on {
			return nil
		}
		if mine.State == chat.FriendAsked || mine.State == chat.FriendAsking {
			end(mine)
			end(theirs)
		}
		return s.checkEntries(user, other, b.Entries)
	})
}

// Blocking implements chat.Friends.
func (s *Store) Blocking(_ context.Context, user string, others []string) ([]string, error) {
	if err := s.begin("Blocking"); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	blocking := []string{}
	for _, other := range slices.Compact(slices.Sorted(slices.Values(others))) {
		if s.friends[[2]string{other, user}].Blocked {
			blocking = append(blocking, other)
		}
	}
	return blocking, nil
}

// FriendsOf implements chat.Friends.
func (s *Store) FriendsOf(
	_ context.Context, user, state string, limit int, cursor string,
) ([]chat.Friend, string, error) {
	if err := s.begin("FriendsOf"); err != nil {
		return nil, "", err
	}
	defer s.mu.Unlock()
	mine := map[string]chat.Friend{}
	for at, f := range s.friends {
		if at[0] == user && (state == "" || f.State == state || state == chat.FriendBlocked && f.Blocked) {
			mine[at[1]] = f
		}
	}
	var all []chat.Friend
	for _, other := range slices.Sorted(maps.Keys(mine)) {
		all = append(all, mine[other])
	}
	return pageOf(all, limit, cursor)
}
