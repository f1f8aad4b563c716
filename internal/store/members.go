package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

// AddMembers implements chat.Groups.
func (s *Store) AddMembers(ctx context.Context, id string, users []string, in int, now int64) (added []string, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		g, err := s.holdGroup(ctx, tx, id)
		if err != nil {
			return err
		}
		added, err = s.addMembers(ctx, tx, g, users, in, now)
		return err
	})
	if err != nil {
		return nil, err
	}
	return added, nil
}

// addMembers adds who isn't in, to a group that the transaction holds.
func (s *Store) addMembers(ctx context.Context, tx *sql.Tx, g heldGroup, users []string, in int, now int64) ([]string, error) {
	added := []string{}
	err := chunked(distinct(users), func(part []string) error {
		// One parameter for each user; what is the same for all of them is in front.
		args := []any{g.conversation, int64(g.maxSeq), now, int(chat.RoleMember)}
		var rows strings.Builder
		for i, u := range part {
			if i > 0 {
				rows.WriteByte(',')
			}
			args = append(args, u)
			fmt.Fprintf(&rows, "($1,$%d,$4,$2,$2,$3)", len(args))
		}
		fresh, err := textColumn(ctx, tx, `INSERT INTO members (conversation, "user", role, join_seq, read_seq, since) VALUES `+rows.String()+
			` ON CONFLICT (conversation, "user") DO NOTHING RETURNING "user"`, args...)
		if err != nil || len(fresh) == 0 {
			return err
		}
		added = append(added, fresh...)
		names, args := numbered([]any{g.ID}, fresh)
		if _, err := tx.ExecContext(ctx, `DELETE FROM join_requests WHERE group_id = $1 AND "user" IN (`+names+`)`, args...); err != nil {
			return err
		}
		return checkIn(ctx, tx, fresh, in)
	})
	if err != nil {
		return nil, err
	}
	if n := g.Members + len(added); len(added) > 0 && n > g.Limit {
		return nil, codec.Errorf(codec.CodeTooMany, "the group is full: %d members of at most %d, and %d more", g.Members, g.Limit, len(added))
	}
	slices.Sort(added)
	return added, countMembers(ctx, tx, g, len(added))
}

// checkIn is 429 when one of the users, this transaction's groups among them, is
// in more than allowed.
func checkIn(ctx context.Context, tx *sql.Tx, users []string, allowed int) error {
	if allowed == 0 {
		return nil
	}
	names, args := numbered([]any{allowed}, users)
	crowded, err := textColumn(ctx, tx, `SELECT m."user" FROM members m JOIN groups g ON g.conversation = m.conversation
		WHERE m."user" IN (`+names+`) GROUP BY m."user" HAVING COUNT(*) > $1 LIMIT 1`, args...)
	if err != nil {
		return err
	}
	if len(crowded) > 0 {
		return codec.Errorf(codec.CodeTooMany, "%.128s is in %d groups already: one has to be left first", crowded[0], allowed)
	}
	return nil
}

func countMembers(ctx context.Context, tx *sql.Tx, g heldGroup, more int) error {
	if more == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `UPDATE groups SET members = members + $2 WHERE id = $1`, g.ID, more)
	return err
}

// RemoveMembers implements chat.Groups.
func (s *Store) RemoveMembers(ctx context.Context, id string, users []string, below chat.Role) (removed []string, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		g, err := s.holdGroup(ctx, tx, id)
		if err != nil {
			return err
		}
		users = distinct(users)
		err = chunked(users, func(part []string) error {
			names, args := numbered([]any{g.conversation, int(below)}, part)
			return above(below, tx.QueryRowContext(ctx, `SELECT "user", role FROM members
				WHERE conversation = $1 AND role >= $2 AND "user" IN (`+names+`) ORDER BY role DESC LIMIT 1`, args...))
		})
		if err != nil {
			return err
		}
		removed, err = removeMembers(ctx, tx, g, users)
		return err
	})
	if err != nil {
		return nil, err
	}
	return removed, nil
}

// above makes the error of a member whose role is not below the one given: 409 for
// an owner in the way of who could do it to everybody else, 403 for the others.
func above(below chat.Role, row *sql.Row) error {
	var user string
	var role chat.Role
	switch err := row.Scan(&user, &role); {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case role == chat.RoleOwner && below >= chat.RoleOwner:
		return codec.Errorf(codec.CodeConflict, "%.128s owns the group: transfer or dismiss it first", user)
	}
	return codec.Errorf(codec.CodeForbidden, "%.128s is an admin of this group, or its owner: only the owner can do that", user)
}

// removeMembers takes them out of a group that the transaction holds, and forgets
// how far their devices were.
func removeMembers(ctx context.Context, tx *sql.Tx, g heldGroup, users []string) ([]string, error) {
	removed := []string{}
	err := chunked(users, func(part []string) error {
		names, args := numbered([]any{g.conversation}, part)
		was, err := textColumn(ctx, tx, `DELETE FROM members WHERE conversation = $1 AND "user" IN (`+names+`) RETURNING "user"`, args...)
		if err != nil {
			return err
		}
		removed = append(removed, was...)
		for _, table := range []string{"devices", "hidden"} {
			if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE conversation = $1 AND "user" IN (`+names+`)`, args...); err != nil {
				return err
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
func (s *Store) SetMembers(ctx context.Context, id string, users []string, now int64) (added, removed []string, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		g, err := s.holdGroup(ctx, tx, id)
		if err != nil {
			return err
		}
		present, err := textColumn(ctx, tx, `SELECT "user" FROM members WHERE conversation = $1 AND role < $2`, g.conversation, int(chat.RoleOwner))
		if err != nil {
			return err
		}
		keep := make(map[string]bool, len(users))
		for _, u := range users {
			keep[u] = true
		}
		gone := slices.DeleteFunc(present, func(u string) bool { return keep[u] })
		if removed, err = removeMembers(ctx, tx, g, gone); err != nil {
			return err
		}
		g.Members -= len(removed)
		added, err = s.addMembers(ctx, tx, g, users, 0, now)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return added, removed, nil
}

// SetRole implements chat.Groups.
func (s *Store) SetRole(ctx context.Context, id, user string, role chat.Role, admins int) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		g, err := s.holdGroup(ctx, tx, id)
		if err != nil {
			return err
		}
		err = changeMember(ctx, tx, g, user, chat.RoleOwner, `UPDATE members SET role = $4 WHERE conversation = $1 AND "user" = $2 AND role < $3`, int(role))
		if err != nil || role != chat.RoleAdmin || admins == 0 {
			return err
		}
		var n int
		err = tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM members WHERE conversation = $1 AND role = $2`, g.conversation, int(chat.RoleAdmin)).Scan(&n)
		if err == nil && n > admins {
			err = codec.Errorf(codec.CodeTooMany, "a group has at most %d admins: make another one a member first", admins)
		}
		return err
	})
}

// MuteMember implements chat.Groups.
func (s *Store) MuteMember(ctx context.Context, id, user string, until int64, below chat.Role) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		g, err := s.holdGroup(ctx, tx, id)
		if err != nil {
			return err
		}
		return changeMember(ctx, tx, g, user, below, `UPDATE members SET muted_until = $4 WHERE conversation = $1 AND "user" = $2 AND role < $3`, until)
	})
}

// RemarkMember implements chat.Groups.
func (s *Store) RemarkMember(ctx context.Context, id, user, remark string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		g, err := s.holdGroup(ctx, tx, id)
		if err != nil {
			return err
		}
		return changeMember(ctx, tx, g, user, chat.RoleOwner+1, `UPDATE members SET remark = $4 WHERE conversation = $1 AND "user" = $2 AND role < $3`, remark)
	})
}

// changeMember runs an update of one member below a role, and says why when there
// was nothing to update.
func changeMember(ctx context.Context, tx *sql.Tx, g heldGroup, user string, below chat.Role, update string, value any) error {
	done, err := tx.ExecContext(ctx, update, g.conversation, user, int(below), value)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n > 0 {
		return err
	}
	if err := above(below, tx.QueryRowContext(ctx, `SELECT "user", role FROM members WHERE conversation = $1 AND "user" = $2`, g.conversation, user)); err != nil {
		return err
	}
	return notIn(user)
}

func notIn(user string) error {
	return codec.Errorf(codec.CodeNotFound, "%.128s is not a member of this group", user)
}

// TransferGroup implements chat.Groups.
func (s *Store) TransferGroup(ctx context.Context, id, from, to string, owned int) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		g, err := s.holdGroup(ctx, tx, id)
		if err != nil {
			return err
		}
		if g.Owner != from {
			return codec.Errorf(codec.CodeConflict, "the group has another owner by now")
		}
		if from == to {
			return nil
		}
		const setRole = `UPDATE members SET role = $3 WHERE conversation = $1 AND "user" = $2`
		if from != "" {
			if _, err := tx.ExecContext(ctx, setRole, g.conversation, from, int(chat.RoleAdmin)); err != nil {
				return err
			}
		}
		done, err := tx.ExecContext(ctx, setRole, g.conversation, to, int(chat.RoleOwner))
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return notIn(to)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE groups SET owner = $2 WHERE id = $1`, id, to); err != nil {
			return err
		}
		return checkOwned(ctx, tx, to, owned)
	})
}

// Members implements chat.Groups.
func (s *Store) Members(ctx context.Context, id string, limit int, cursor string) ([]chat.Member, string, error) {
	after, err := afterName(cursor)
	if err != nil {
		return nil, "", err
	}
	conversation, err := s.groupConversation(ctx, id)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.reads.QueryContext(ctx, `SELECT "user", role, join_seq, read_seq, muted_until, remark, since FROM members
		WHERE conversation = $1 AND "user" > $2 ORDER BY "user" LIMIT $3`, conversation, after, limit+1)
	members, err := scanAll(rows, err, func(m *chat.Member) []any {
		return []any{&m.User, &m.Role, &m.JoinSeq, &m.ReadSeq, &m.MutedUntil, &m.Remark, &m.Since}
	})
	if err != nil {
		return nil, "", s.failure(err)
	}
	page, next := cutPage(members, limit, func(m chat.Member) string { return m.User })
	return page, next, nil
}

func (s *Store) groupConversation(ctx context.Context, id string) (n int64, err error) {
	err = s.reads.QueryRowContext(ctx, `SELECT conversation FROM groups WHERE id = $1`, id).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, noGroup(id)
	}
	return n, s.failure(err)
}

// MemberIDs implements chat.Groups.
func (s *Store) MemberIDs(ctx context.Context, id string) ([]string, error) {
	return s.membersFrom(ctx, id, chat.RoleMember)
}

// JoinedAfter implements chat.Groups.
func (s *Store) JoinedAfter(ctx context.Context, id string, seq uint64) ([]string, error) {
	conversation, err := s.groupConversation(ctx, id)
	if err != nil {
		return nil, err
	}
	users, err := textColumn(ctx, s.reads, `SELECT "user" FROM members WHERE conversation = $1 AND join_seq >= $2 ORDER BY "user"`, conversation, seqArg(seq))
	return users, s.failure(err)
}

// Admins implements chat.Groups.
func (s *Store) Admins(ctx context.Context, id string) ([]string, error) {
	return s.membersFrom(ctx, id, chat.RoleAdmin)
}

func (s *Store) membersFrom(ctx context.Context, id string, role chat.Role) ([]string, error) {
	conversation, err := s.groupConversation(ctx, id)
	if err != nil {
		return nil, err
	}
	users, err := textColumn(ctx, s.reads, `SELECT "user" FROM members WHERE conversation = $1 AND role >= $2 ORDER BY "user"`, conversation, int(role))
	return users, s.failure(err)
}

// distinct is each value once, in ascending order, so that transactions which add
// the same users don't wait for each other in a circle.
func distinct(values []string) []string {
	values = slices.Clone(values)
	slices.Sort(values)
	return slices.Compact(values)
}
