package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// AddMembers implements chat.Groups.
func (s *Store) AddMembers(
	ctx context.Context, id string, users []string, in int, now int64,
) (_ delivery.MemberChange, err error) {
	defer s.answer("group.add_members", &err)
	return s.changeMembers(ctx, id, func(tx *sql.Tx, g *lockedGroup, c *delivery.MemberChange) (err error) {
		c.Joined, err = addMembers(ctx, tx, g, users, in, now)
		return err
	})
}

// changeMembers is changeGroup for an f that changes members, and tells what it
// changed. The change gets a revision if there is any.
func (s *Store) changeMembers(
	ctx context.Context, id string, f func(tx *sql.Tx, g *lockedGroup, c *delivery.MemberChange) error,
) (delivery.MemberChange, error) {
	c := delivery.MemberChange{Group: id}
	err := s.changeGroup(ctx, id, func(tx *sql.Tx, g *lockedGroup) error {
		if err := f(tx, g, &c); err != nil || len(c.Joined)+len(c.Left) == 0 {
			return err
		}
		return nextRevision(ctx, tx, id, &c.Revision)
	})
	if err != nil {
		return delivery.MemberChange{}, err
	}
	return c, nil
}

// nextRevision counts a change of a group's members.
func nextRevision(ctx context.Context, tx *sql.Tx, group string, revision *uint64) error {
	err := tx.QueryRowContext(ctx, `INSERT INTO group_revisions (id, revision) VALUES ($1, 1)
		ON CONFLICT (id) DO UPDATE SET revision = group_revisions.revision + 1 RETURNING revision`, group).Scan(revision)
	if err != nil {
		return fmt.Errorf("count a change of a group's members: %w", err)
	}
	return nil
}

// addMembers adds those who aren't in yet, in ascending order.
func addMembers(ctx context.Context, tx *sql.Tx, g *lockedGroup, users []string, in int, now int64) ([]string, error) {
	added := []string{}
	err := inChunks(distinct(users), func(part []string) error {
		// One parameter for each user; what is the same for all of them is in front.
		rows, args := valueRows("($1,%s,$4,$2,$2,$3)", []any{g.convID, int64(g.maxSeq), now, int(chat.RoleMember)}, part)
		fresh, err := queryStrings(ctx, tx, `INSERT INTO members (conversation, "user", role, join_seq, read_seq, since)
			VALUES `+rows+` ON CONFLICT (conversation, "user") DO NOTHING RETURNING "user"`, args...)
		if err != nil {
			return fmt.Errorf("insert members: %w", err)
		}
		if len(fresh) == 0 {
			return nil
		}
		added = append(added, fresh...)
		names, args := placeholders([]any{g.ID}, fresh)
		_, err = exec(ctx, tx, `DELETE FROM join_requests WHERE group_id = $1 AND "user" IN (`+names+`)`, args...)
		if err != nil {
			return fmt.Errorf("remove requests to join: %w", err)
		}
		return checkJoinedGroups(ctx, tx, fresh, in)
	})
	if err != nil {
		return nil, err
	}
	if n := g.Members + len(added); len(added) > 0 && n > g.Limit {
		return nil, codec.Errorf(codec.CodeTooMany,
			"the group is full: %d members of at most %d, and %d more", g.Members, g.Limit, len(added))
	}
	slices.Sort(added)
	return added, countMembers(ctx, tx, g, len(added))
}

// checkJoinedGroups is 429 when one of the users is in more groups than allowed, those
// of this transaction among them.
func checkJoinedGroups(ctx context.Context, tx *sql.Tx, users []string, allowed int) error {
	if allowed == 0 {
		return nil
	}
	names, args := placeholders([]any{allowed}, users)
	over, err := queryStrings(ctx, tx, `SELECT m."user" FROM members m JOIN groups g ON g.conversation = m.conversation
		WHERE m."user" IN (`+names+`) GROUP BY m."user" HAVING COUNT(*) > $1 LIMIT 1`, args...)
	if err != nil {
		return fmt.Errorf("count the groups of users: %w", err)
	}
	if len(over) > 0 {
		return codec.Errorf(codec.CodeTooMany, "%.128s is in %d groups already: one has to be left first", over[0], allowed)
	}
	return nil
}

// countMembers adds to the group's number of members.
func countMembers(ctx context.Context, tx *sql.Tx, g *lockedGroup, more int) error {
	if more == 0 {
		return nil
	}
	if _, err := exec(ctx, tx, `UPDATE groups SET members = members + $2 WHERE id = $1`, g.ID, more); err != nil {
		return fmt.Errorf("count members: %w", err)
	}
	g.Members += more
	return nil
}

// RemoveMembers implements chat.Groups.
func (s *Store) RemoveMembers(
	ctx context.Context, id string, users []string, below chat.Role,
) (_ delivery.MemberChange, err error) {
	defer s.answer("group.remove_members", &err)
	users = distinct(users)
	return s.changeMembers(ctx, id, func(tx *sql.Tx, g *lockedGroup, c *delivery.MemberChange) error {
		err := inChunks(users, func(part []string) error {
			names, args := placeholders([]any{g.convID, int(below)}, part)
			return refuseRole(below, tx.QueryRowContext(ctx, `SELECT "user", role FROM members
				WHERE conversation = $1 AND role >= $2 AND "user" IN (`+names+`) ORDER BY role DESC LIMIT 1`, args...))
		})
		if err != nil {
			return err
		}
		c.Left, err = removeMembers(ctx, tx, g, users)
		return err
	})
}

// refuseRole makes the error of a member whose role is not below the one given: 409 for
// the owner when everybody else could be changed, 403 for the others.
func refuseRole(below chat.Role, row *sql.Row) error {
	var user string
	var role chat.Role
	switch err := row.Scan(&user, &role); {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("find a member's role: %w", err)
	case role == chat.RoleOwner && below >= chat.RoleOwner:
		return codec.Errorf(codec.CodeConflict, "%.128s owns the group: transfer or dismiss it first", user)
	}
	return codec.Errorf(codec.CodeForbidden,
		"%.128s is an admin of this group, or its owner: only the owner can do that", user)
}

// removeMembers takes users out of a group, with what they deleted there and how far
// their devices were, and tells who was in.
func removeMembers(ctx context.Context, tx *sql.Tx, g *lockedGroup, users []string) ([]string, error) {
	removed := []string{}
	err := inChunks(users, func(part []string) error {
		names, args := placeholders([]any{g.convID}, part)
		were, err := queryStrings(ctx, tx,
			`DELETE FROM members WHERE conversation = $1 AND "user" IN (`+names+`) RETURNING "user"`, args...)
		if err != nil {
			return fmt.Errorf("delete members: %w", err)
		}
		removed = append(removed, were...)
		for _, table := range []string{"devices", "hidden"} {
			_, err := exec(ctx, tx, `DELETE FROM `+table+` WHERE conversation = $1 AND "user" IN (`+names+`)`, args...)
			if err != nil {
				return fmt.Errorf("delete from the table %s: %w", table, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(removed)
	return removed, countMembers(ctx, tx, g, -len(removed))
}

// SetMembers implements chat.Groups.
func (s *Store) SetMembers(
	ctx context.Context, id string, users []string, now int64,
) (_ delivery.MemberChange, err error) {
	defer s.answer("group.set_members", &err)
	stay := make(map[string]bool, len(users))
	for _, u := range users {
		stay[u] = true
	}
	return s.changeMembers(ctx, id, func(tx *sql.Tx, g *lockedGroup, c *delivery.MemberChange) error {
		const present = `SELECT "user" FROM members WHERE conversation = $1 AND role < $2`
		leave, err := queryStrings(ctx, tx, present, g.convID, int(chat.RoleOwner))
		if err != nil {
			return fmt.Errorf("read the members: %w", err)
		}
		leave = slices.DeleteFunc(leave, func(u string) bool { return stay[u] })
		if c.Left, err = removeMembers(ctx, tx, g, leave); err != nil {
			return err
		}
		c.Joined, err = addMembers(ctx, tx, g, users, 0, now)
		return err
	})
}

// Members implements chat.Groups.
func (s *Store) Members(
	ctx context.Context, id string, limit int, cursor string,
) (_ []chat.Member, _ string, err error) {
	defer s.answer("group.members", &err)
	after, err := decodeCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	convID, err := s.groupConversation(ctx, id)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.cached.QueryContext(ctx, `SELECT "user", role, join_seq, read_seq, muted_until, remark, since FROM members
		WHERE conversation = $1 AND "user" > $2 ORDER BY "user" LIMIT $3`, convID, after, limit+1)
	members, err := scanRows(rows, err, func(m *chat.Member) []any {
		return []any{&m.User, &m.Role, &m.JoinSeq, &m.ReadSeq, &m.MutedUntil, &m.Remark, &m.Since}
	})
	if err != nil {
		return nil, "", err
	}
	page, next := cursorPage(members, limit, func(m chat.Member) string { return m.User })
	return page, next, nil
}

// groupConversation is the id of a group's conversation.
func (s *Store) groupConversation(ctx context.Context, id string) (convID int64, err error) {
	err = s.cached.QueryRowContext(ctx, `SELECT conversation FROM groups WHERE id = $1`, id).Scan(&convID)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, groupNotFound(id)
	}
	if err != nil {
		return 0, fmt.Errorf("find a group: %w", err)
	}
	return convID, nil
}

// MemberIDs implements chat.Groups.
func (s *Store) MemberIDs(ctx context.Context, id string) (users []string, revision uint64, err error) {
	defer s.answer("group.member_ids", &err)
	// In one statement, so that both are of the same moment. A group without members
	// is one row without a name.
	rows, err := s.cached.QueryContext(ctx, `SELECT COALESCE(r.revision, 0), m."user" FROM groups g
		LEFT JOIN group_revisions r ON r.id = g.id LEFT JOIN members m ON m.conversation = g.conversation
		WHERE g.id = $1 ORDER BY m."user"`, id)
	type row struct {
		revision uint64
		user     sql.NullString
	}
	all, err := scanRows(rows, err, func(r *row) []any { return []any{&r.revision, &r.user} })
	if err != nil {
		return nil, 0, err
	}
	if len(all) == 0 {
		return nil, 0, groupNotFound(id)
	}
	users = make([]string, 0, len(all))
	for _, r := range all {
		if r.user.Valid {
			users = append(users, r.user.String)
		}
	}
	return users, all[0].revision, nil
}

// Admins implements chat.Groups.
func (s *Store) Admins(ctx context.Context, id string) (_ []string, err error) {
	defer s.answer("group.admins", &err)
	return s.memberNames(ctx, id, `role >= $2`, int(chat.RoleAdmin))
}

// JoinedAfter implements chat.Groups.
func (s *Store) JoinedAfter(ctx context.Context, id string, seq uint64) (_ []string, err error) {
	defer s.answer("group.joined_after", &err)
	return s.memberNames(ctx, id, `join_seq >= $2`, seqArg(seq))
}

// memberNames are the members that a constant condition holds for.
func (s *Store) memberNames(ctx context.Context, id, condition string, arg any) ([]string, error) {
	convID, err := s.groupConversation(ctx, id)
	if err != nil {
		return nil, err
	}
	return queryStrings(ctx, s.cached,
		`SELECT "user" FROM members WHERE conversation = $1 AND `+condition+` ORDER BY "user"`, convID, arg)
}
