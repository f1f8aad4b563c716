package delivery

import "context"

// MemberSource tells who is in a group. A node asks it when a frame goes to a
// group whose members it doesn't hold.
type MemberSource interface {
	// Members are the ids of all users in a group, in ascending order, and the revision
	// that they are of: a number that rises with each change of them. The slice is not
	// changed by anyone. 404 when there is no such group.
	Members(ctx context.Context, group string) (users []string, revision uint64, err error)
}

// MemberChange is what became of a group's members.
type MemberChange struct {
	Group string
	// Revision is the one that the change made; 0 says that it isn't known: all that is
	// held of the group is then dropped and read again when it is next needed.
	Revision uint64
	Joined   []string
	Left     []string
}

// MemberCache holds members of groups that frames go to. It is what a node offers
// to those who change groups.
type MemberCache interface {
	// MembersChanged is told after the commit of a change, and when a change may have
	// been committed. Changes of one group may come in any order. It does not block.
	MembersChanged(c MemberChange)
	// UserDeleted is told after a user was deleted: all that is held of groups with that
	// user is dropped, since somebody else may register the name. It does not block.
	UserDeleted(user string)
}
