package chat

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
)

// caller is who makes a request, once it is known that they may make requests at all:
// a user, or a backend.
type caller struct {
	account.Identity
	backend bool // an API key with scope admin, which may do anything
}

// backend is the caller where the API key is checked already.
var backend = caller{backend: true}

// membership is a conversation, and what the caller is in it.
type membership struct {
	caller
	conv string
	kind string
	peer string // in a single chat, the other user
	// group is complete after authorizeGroup and authorizeWrite, which need it, and has
	// its ID alone after the others. It is empty in other conversations.
	group GroupInfo
	// member is empty for who isn't in the group, and has roleBackend alone for a backend.
	// In other conversations than groups it has no role.
	member Member
}

// withBot reports whether this is a single chat with a program.
func (m *membership) withBot() bool { return isBot(m.peer) }

// rolesBelow is the role from which on the caller can't act on members: their own, and
// the owner's in any case.
func (m *membership) rolesBelow() Role { return min(m.member.Role, RoleOwner) }

// authorizeUser is for what only users do. 401 for nobody, 403 for an API key.
func authorizeUser(id account.Identity) (caller, error) {
	switch {
	case id.User != "":
		return caller{Identity: id}, nil
	case id.Key != "":
		return caller{}, forbidden("an API key can't do this: only a user who is logged in can")
	}
	return caller{}, notLoggedIn()
}

// authorizeCaller is for what users and backends do. 401 for nobody, 403 for an API key
// without scope admin.
func authorizeCaller(id account.Identity) (caller, error) {
	switch {
	case id.User != "":
		return caller{Identity: id}, nil
	case id.Key != "":
		return caller{id, true}, id.Allow(account.ScopeAdmin)
	}
	return caller{}, notLoggedIn()
}

// authorizeFor is authorizeCaller where a user's own things are meant: a backend names
// that user, and a user can only be themselves.
func authorizeFor(id account.Identity, as string) (c caller, user string, err error) {
	c, err = authorizeCaller(id)
	switch {
	case err != nil:
		return c, "", err
	case c.backend && as == "":
		return c, "", malformed("as is missing: send the id of the user that the API key acts for")
	case c.backend:
		return c, as, account.ValidUserID(as)
	case as != "" && as != c.User:
		return c, "", forbidden("you can't act as %.128s, only as yourself: leave that field out", as)
	}
	return c, c.User, nil
}

// authorizeFriend is authorizeFor where the user does something about another one.
func authorizeFriend(id account.Identity, as, other string) (c caller, user string, err error) {
	if c, user, err = authorizeFor(id, as); err != nil {
		return c, user, err
	}
	if err := account.ValidUserID(other); err != nil {
		return c, user, err
	}
	if user == other {
		return c, user, malformed("user is your own id: send that of another user")
	}
	return c, user, nil
}

// authorizeConversation is for users who read the conversation that their request
// names, by its key or by who is at its other end.
func (s *Service) authorizeConversation(ctx context.Context, id account.Identity, conv, to string) (membership, error) {
	c, err := authorizeUser(id)
	if err != nil {
		return membership{}, err
	}
	if conv, err = resolveKey(c.User, conv, to); err != nil {
		return membership{}, err
	}
	return s.authorizeRead(ctx, c, conv)
}

// authorizeRead is 400 for what is no key, and 403 for a conversation that isn't the
// user's to read, whether or not there is one.
func (s *Service) authorizeRead(ctx context.Context, c caller, conv string) (membership, error) {
	kind, a, b, ok := ParseKey(conv)
	if !ok {
		return membership{}, malformed("%.64q is not a conversation", conv)
	}
	m := membership{caller: c, conv: conv, kind: kind}
	switch kind {
	case KindSingle:
		switch c.User {
		case a:
			m.peer = b
		case b:
			m.peer = a
		default:
			return membership{}, notInConversation()
		}
	case KindNotice:
		if a != c.User {
			return membership{}, notInConversation()
		}
	case KindBroadcast:
		h, err := s.store.Head(ctx, c.User, conv, s.now())
		if err != nil && !isNotFound(err) {
			return membership{}, err
		}
		m.member.JoinSeq, m.member.ReadSeq = h.JoinSeq, h.ReadSeq
	case KindGroup:
		member, err := s.store.Member(ctx, conv, c.User)
		if isNotFound(err) {
			return membership{}, notInGroup()
		}
		if err != nil {
			return membership{}, err
		}
		m.group.ID, m.member = a, member
	}
	return m, nil
}

// hideFormer finds out where in a single chat or in their notices the user's own time
// begins: what is before was for a deleted account of the same name. Other kinds have
// this from authorizeRead; to write, it need not be known.
func (s *Service) hideFormer(ctx context.Context, m *membership) error {
	if m.kind != KindSingle && m.kind != KindNotice {
		return nil
	}
	member, err := s.store.Member(ctx, m.conv, m.User)
	switch {
	case err == nil:
		m.member.JoinSeq = member.JoinSeq
	case isNotFound(err): // nothing was said since the name is theirs
		m.member.JoinSeq = math.MaxInt64
	default:
		return err
	}
	return nil
}

// authorizeWrite is 403 for who may read a conversation but not write in it now.
func (s *Service) authorizeWrite(ctx context.Context, m *membership) error {
	switch m.kind {
	case KindSingle:
		return s.authorizeWriteSingle(ctx, m)
	case KindGroup:
		g, err := s.store.Group(ctx, m.group.ID)
		switch until := m.member.MutedUntil; {
		case isNotFound(err):
			return notInGroup()
		case err != nil:
			return err
		case until > s.now():
			return forbidden("you are muted in this group until %s", time.UnixMilli(until).UTC().Format(time.RFC3339))
		case g.Muted && m.member.Role < RoleAdmin:
			return forbidden("this group is muted: only its owner and admins can write now")
		}
		m.group = g
		return nil
	}
	return forbidden("only the server writes in this conversation")
}

func (s *Service) authorizeWriteSingle(ctx context.Context, m *membership) error {
	if m.withBot() {
		return s.knownBot(m.peer)
	}
	theirs, err := s.store.Relation(ctx, m.peer, m.User)
	if err != nil {
		return err
	}
	if theirs.Blocked {
		return forbidden("this user doesn't take your messages")
	}
	mine, err := s.store.Relation(ctx, m.User, m.peer)
	switch {
	case err != nil:
		return err
	case mine.Blocked:
		return forbidden("you have blocked this user: unblock them before you write to them")
	case s.opts.FriendsOnly && mine.State != FriendYes:
		// Not told apart from being blocked by more than it takes to act on it.
		return forbidden("you can write to friends only: send this user a friend request first")
	}
	return nil
}

// authorizeMention is 403 for who mentions everybody in a group without a role there.
func authorizeMention(in *membership, users []string) error {
	if slices.Contains(users, everybody) && in.kind == KindGroup && in.member.Role < RoleAdmin {
		return forbidden("only the owner and the admins of the group can mention everybody")
	}
	return nil
}

// authorizeMessage finds a message that a user names by its id, in a conversation that
// they may read.
func (s *Service) authorizeMessage(ctx context.Context, c caller, id string) (Message, membership, error) {
	if id == "" || len(id) > maxClientID || !printable(id) {
		return Message{}, membership{}, malformed("id is not that of a message: send the id that came with it")
	}
	m, err := s.store.Message(ctx, c.User, id)
	if err != nil {
		return Message{}, membership{}, err
	}
	in, err := s.authorizeRead(ctx, c, m.Conv)
	if err != nil {
		return Message{}, membership{}, err
	}
	if err := s.hideFormer(ctx, &in); err != nil {
		return Message{}, membership{}, err
	}
	if m.Seq <= in.member.JoinSeq {
		return Message{}, membership{}, notInConversation()
	}
	return m, in, nil
}

// authorizeRecall is for the sender within the window, for who has a role in the group,
// and for backends with scope admin.
func (s *Service) authorizeRecall(ctx context.Context, id account.Identity, message string) error {
	c, err := authorizeCaller(id)
	if err != nil || c.backend {
		return err
	}
	m, in, err := s.authorizeMessage(ctx, c, message)
	switch {
	case err != nil:
		return err
	case in.kind == KindGroup && in.member.Role >= RoleAdmin:
		return nil
	case m.From != c.User && in.kind == KindGroup:
		return forbidden("only its sender, and the owner and admins of the group, can recall a message")
	case m.From != c.User:
		return forbidden("only its sender can recall a message")
	}
	return s.withinWindow(m, s.opts.RecallWindow, "recalled")
}

// authorizeEdit is for the sender within the window, who must still be allowed to write
// there.
func (s *Service) authorizeEdit(ctx context.Context, m Message, in *membership, r EditRequest) error {
	switch {
	case m.From != in.User:
		return forbidden("only its sender can edit a message")
	case m.contentGone():
		return messageGone()
	case m.Type != TypeText && m.Type != TypeCustom:
		return forbidden("only messages of type text and custom can be edited")
	case m.Type != r.Type:
		return malformed("an edited message keeps its type, which is %s", m.Type)
	}
	if err := s.withinWindow(m, s.opts.EditWindow, "edited"); err != nil {
		return err
	}
	if err := s.authorizeWrite(ctx, in); err != nil {
		return err
	}
	return authorizeMention(in, r.Mention)
}

// withinWindow is 403 for what comes too late.
func (s *Service) withinWindow(m Message, window time.Duration, done string) error {
	if s.now()-m.Time > window.Milliseconds() {
		return forbidden("a message can be %s within %s of its sending", done, window)
	}
	return nil
}

// anyRole lets in who has no role, because they aren't in the group.
const anyRole Role = 0

// authorizeGroup is for users who have at least the role in a group, and for backends.
// 403 for others, 404 when there is no such group.
func (s *Service) authorizeGroup(
	ctx context.Context, id account.Identity, group string, role Role,
) (m membership, err error) {
	if m.caller, err = authorizeCaller(id); err != nil {
		return m, err
	}
	if err := checkGroupID(group); err != nil {
		return m, err
	}
	m.conv, m.kind = GroupKey(group), KindGroup
	if m.backend {
		m.member.Role = roleBackend
		m.group, err = s.store.Group(ctx, group)
		return m, err
	}
	m.group, m.member, err = s.store.GroupMembership(ctx, group, m.User)
	switch {
	case err != nil:
		return m, err
	case m.member.Role >= role:
		return m, nil
	case m.member.Role == 0:
		return m, notInGroup()
	case role == RoleOwner:
		return m, forbidden("only the owner of the group can do that")
	}
	return m, rolesOnly()
}

// authorizeGroupAdmin is 403 for who isn't a backend with scope admin, and 400 for what
// can't be a group's id.
func authorizeGroupAdmin(id account.Identity, group string) error {
	if err := id.Allow(account.ScopeAdmin); err != nil {
		return err
	}
	return checkGroupID(group)
}

// authorizeAdding is 403 when one of the users has blocked who adds them to a group.
func (s *Service) authorizeAdding(ctx context.Context, c caller, users []string) error {
	if c.backend || len(users) == 0 {
		return nil
	}
	blocking, err := s.store.Blocking(ctx, c.User, users)
	if err != nil || len(blocking) == 0 {
		return err
	}
	names := strings.Join(blocking[:min(len(blocking), 5)], ", ")
	return forbidden("you can't add users who have blocked you: leave out %s", names)
}

func notLoggedIn() error { return codec.Errorf(codec.CodeUnauthorized, "log in first") }

func notInConversation() error { return forbidden("this is not a conversation of yours") }

func notInGroup() error { return forbidden("you are not a member of this group") }

func rolesOnly() error { return forbidden("only the owner and the admins of the group can do that") }
