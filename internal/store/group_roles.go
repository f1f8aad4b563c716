package store

import (
	"context"
	"database/sql"
	"fmt"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

// SetRole implements chat.Groups.
func (s *Store) SetRole(ctx context.Context, id, user string, role chat.Role, admins int) (err error) {
	defer s.answer("group.set_role", &err)
	return s.changeGroup(ctx, id, func(tx *sql.Tx, g *lockedGroup) error {
		if err := changeMember(ctx, tx, g, user, chat.RoleOwner, "role", int(role)); err != nil {
			return err
		}
		if role != chat.RoleAdmin || admins == 0 {
			return nil
		}
		var n int
		const count = `SELECT COUNT(*) FROM members WHERE conversation = $1 AND role = $2`
		if err := tx.QueryRowContext(ctx, count, g.convID, int(chat.RoleAdmin)).Scan(&n); err != nil {
			return fmt.Errorf("count admins: %w", err)
		}
		if n > admins {
			return codec.Errorf(codec.CodeTooMany, "a group has at most %d admins: make another one a member first", admins)
		}
		return nil
	})
}

// MuteMember implements chat.Groups.
func (s *Store) MuteMember(ctx context.Context, id, user string, until int64, below chat.Role) (err error) {
	defer s.answer("group.mute_member", &err)
	return s.changeGroup(ctx, id, func(tx *sql.Tx, g *lockedGroup) error {
		return changeMember(ctx, tx, g, user, below, "muted_until", until)
	})
}

// RemarkMember implements chat.Groups.
func (s *Store) RemarkMember(ctx context.Context, id, user, remark string) (err error) {
	defer s.answer("group.remark_member", &err)
	return s.changeGroup(ctx, id, func(tx *sql.Tx, g *lockedGroup) error {
		return changeMember(ctx, tx, g, user, chat.RoleOwner+1, "remark", remark)
	})
}

// changeMember sets a column of one member below a role, and says why when there was
// nothing to set.
func changeMember(
	ctx context.Context, tx *sql.Tx, g *lockedGroup, user string, below chat.Role, column string, value any,
) error {
	n, err := exec(ctx, tx, `UPDATE members SET `+column+` = $4 WHERE conversation = $1 AND "user" = $2 AND role < $3`,
		g.convID, user, int(below), value)
	if err != nil {
		return fmt.Errorf("change a member's %s: %w", column, err)
	}
	if n > 0 {
		return nil
	}
	const find = `SELECT "user", role FROM members WHERE conversation = $1 AND "user" = $2`
	if err := refuseRole(below, tx.QueryRowContext(ctx, find, g.convID, user)); err != nil {
		return err
	}
	return memberNotFound(user)
}

// setMemberRole sets a role whatever the present one is; user "" is nobody.
func setMemberRole(ctx context.Context, tx *sql.Tx, g *lockedGroup, user string, role chat.Role) error {
	if user == "" {
		return nil
	}
	n, err := exec(ctx, tx, `UPDATE members SET role = $3 WHERE conversation = $1 AND "user" = $2`, g.convID, user,
		int(role))
	if err != nil {
		return fmt.Errorf("set a member's role: %w", err)
	}
	if n == 0 {
		return memberNotFound(user)
	}
	return nil
}

func memberNotFound(user string) error {
	return codec.Errorf(codec.CodeNotFound, "%.128s is not a member of this group", user)
}

// TransferGroup implements chat.Groups.
func (s *Store) TransferGroup(ctx context.Context, id, from, to string, owned int) (err error) {
	defer s.answer("group.transfer", &err)
	return s.changeGroup(ctx, id, func(tx *sql.Tx, g *lockedGroup) error {
		if g.Owner != from {
			return codec.Errorf(codec.CodeConflict, "the group has another owner by now")
		}
		if from == to {
			return nil
		}
		if err := setMemberRole(ctx, tx, g, from, chat.RoleAdmin); err != nil {
			return err
		}
		if err := setMemberRole(ctx, tx, g, to, chat.RoleOwner); err != nil {
			return err
		}
		if _, err := exec(ctx, tx, `UPDATE groups SET owner = $2 WHERE id = $1`, id, to); err != nil {
			return fmt.Errorf("set a group's owner: %w", err)
		}
		return checkOwnedGroups(ctx, tx, to, owned)
	})
}

// passOnGroup gives a group whose owner has left its members to the one with the
// highest role who is in it the longest, or to nobody.
func passOnGroup(ctx context.Context, tx *sql.Tx, group string) error {
	var successor string
	const setOwner = `UPDATE groups SET owner = COALESCE((SELECT m."user" FROM members m
		WHERE m.conversation = groups.conversation ORDER BY m.role DESC, m.since, m."user" LIMIT 1), '')
		WHERE id = $1 RETURNING owner`
	if err := tx.QueryRowContext(ctx, setOwner, group).Scan(&successor); err != nil {
		return fmt.Errorf("pass on a group: %w", err)
	}
	const setRole = `UPDATE members SET role = $1
		WHERE "user" = $2 AND conversation = (SELECT conversation FROM groups WHERE id = $3)`
	if _, err := exec(ctx, tx, setRole, int(chat.RoleOwner), successor, group); err != nil {
		return fmt.Errorf("pass on a group: %w", err)
	}
	return nil
}
