package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

const (
	// groupColumns are what groupFields takes, of groups g.
	groupColumns = `g.id, g.name, g.notice, g.avatar, g.owner, g.join_mode, g.muted, g.members, g.member_limit, g.created`

	sqlGroup = `SELECT ` + groupColumns + ` FROM groups g WHERE g.id = $1`
	// sqlGroupMembership is a group and the membership of $2 in it, zeros for who isn't in.
	sqlGroupMembership = `SELECT ` + groupColumns + `, COALESCE(m.role, 0), COALESCE(m.join_seq, 0), COALESCE(m.read_seq, 0),
		COALESCE(m.muted_until, 0), COALESCE(m.remark, ''), COALESCE(m.since, 0)
		FROM groups g LEFT JOIN members m ON m.conversation = g.conversation AND m."user" = $2 WHERE g.id = $1`
)

func groupFields(g *chat.GroupInfo) []any {
	return []any{&g.ID, &g.Name, &g.Notice, &g.Avatar, &g.Owner, &g.Join, &g.Muted, &g.Members, &g.Limit, &g.Created}
}

func groupNotFound(id string) error {
	return codec.Errorf(codec.CodeNotFound, "no group %.128s", id)
}

// lockedGroup is a group whose row the transaction has locked, so that no other one
// changes its members meanwhile.
type lockedGroup struct {
	chat.GroupInfo
	convID int64
	maxSeq uint64
}

// changeGroup runs f in a transaction that has locked the group's row. Every change of
// a group and of its members goes this way, which makes the count of members right
// and keeps transactions out of each other's way.
func (s *Store) changeGroup(ctx context.Context, id string, f func(tx *sql.Tx, g *lockedGroup) error) error {
	lock := `SELECT ` + groupColumns + `, g.conversation FROM groups g WHERE g.id = $1` + s.engine.lockClause(false)
	return s.write(ctx, func(tx *sql.Tx) error {
		var g lockedGroup
		err := tx.QueryRowContext(ctx, lock, id).Scan(append(groupFields(&g.GroupInfo), &g.convID)...)
		if errors.Is(err, sql.ErrNoRows) {
			return groupNotFound(id)
		}
		if err != nil {
			return fmt.Errorf("lock a group: %w", err)
		}
		g.Conv = chat.GroupKey(id)
		// A statement of its own: what was appended while the lock was waited for counts.
		const newest = `SELECT max_seq FROM conversations WHERE id = $1`
		if err := tx.QueryRowContext(ctx, newest, g.convID).Scan(&g.maxSeq); err != nil {
			return fmt.Errorf("find a group's conversation: %w", err)
		}
		return f(tx, &g)
	})
}

// CreateGroup implements chat.Groups. An id whose group was dismissed can be used
// again: the conversation goes on behind its old messages, which no new member sees.
func (s *Store) CreateGroup(
	ctx context.Context, g chat.GroupInfo, members []string, owned, in int,
) (_ chat.GroupInfo, err error) {
	defer s.answer("group.create", &err)
	g.Conv, g.Members = chat.GroupKey(g.ID), 0
	if g.Owner != "" {
		members = append([]string{g.Owner}, members...)
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		made, err := insertGroup(ctx, tx, g)
		if err != nil {
			return err
		}
		if err := checkOwnedGroups(ctx, tx, g.Owner, owned); err != nil {
			return err
		}
		added, err := addMembers(ctx, tx, made, members, in, g.Created)
		if err != nil {
			return err
		}
		if g.Members = len(added); g.Members > 0 {
			// Another group of this id may have been held by somebody.
			var revision uint64
			if err := nextRevision(ctx, tx, g.ID, &revision); err != nil {
				return err
			}
		}
		return setMemberRole(ctx, tx, made, g.Owner, chat.RoleOwner)
	})
	return g, err
}

// insertGroup makes a group without members, and its conversation.
func insertGroup(ctx context.Context, tx *sql.Tx, g chat.GroupInfo) (*lockedGroup, error) {
	made := &lockedGroup{GroupInfo: g}
	const begin = `INSERT INTO conversations (key, last_time) VALUES ($1, $2)
		ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING id, max_seq`
	if err := tx.QueryRowContext(ctx, begin, g.Conv, g.Created).Scan(&made.convID, &made.maxSeq); err != nil {
		return nil, fmt.Errorf("begin a group's conversation: %w", err)
	}
	n, err := exec(ctx, tx, `INSERT INTO groups
		(id, conversation, name, notice, avatar, owner, join_mode, muted, members, member_limit, created)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10) ON CONFLICT (id) DO NOTHING`,
		g.ID, made.convID, g.Name, g.Notice, g.Avatar, g.Owner, g.Join, g.Muted, g.Limit, g.Created)
	if err != nil {
		return nil, fmt.Errorf("insert a group: %w", err)
	}
	if n == 0 {
		return nil, codec.Errorf(codec.CodeConflict, "there is a group %.128s already: choose another id", g.ID)
	}
	return made, nil
}

// checkOwnedGroups is 429 when the user owns more groups than allowed, those of this
// transaction among them. A group without an owner is no user's.
func checkOwnedGroups(ctx context.Context, tx *sql.Tx, user string, allowed int) error {
	if allowed == 0 || user == "" {
		return nil
	}
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM groups WHERE owner = $1`, user).Scan(&n); err != nil {
		return fmt.Errorf("count a user's own groups: %w", err)
	}
	if n > allowed {
		return codec.Errorf(codec.CodeTooMany, "%.128s owns %d groups already: dismiss or transfer one first", user, allowed)
	}
	return nil
}

// Group implements chat.Groups.
func (s *Store) Group(ctx context.Context, id string) (g chat.GroupInfo, err error) {
	defer s.answer("group.find", &err)
	err = s.cached.QueryRowContext(ctx, sqlGroup, id).Scan(groupFields(&g)...)
	if errors.Is(err, sql.ErrNoRows) {
		return g, groupNotFound(id)
	}
	g.Conv = chat.GroupKey(id)
	return g, err
}

// GroupMembership implements chat.Groups.
func (s *Store) GroupMembership(ctx context.Context, id, user string) (g chat.GroupInfo, m chat.Member, err error) {
	defer s.answer("group.membership", &err)
	m.User = user
	err = s.cached.QueryRowContext(ctx, sqlGroupMembership, id, user).
		Scan(append(groupFields(&g), &m.Role, &m.JoinSeq, &m.ReadSeq, &m.MutedUntil, &m.Remark, &m.Since)...)
	if errors.Is(err, sql.ErrNoRows) {
		return g, m, groupNotFound(id)
	}
	if m.Role == 0 {
		m = chat.Member{}
	}
	g.Conv = chat.GroupKey(id)
	return g, m, err
}

// ChangeGroup implements chat.Groups.
func (s *Store) ChangeGroup(ctx context.Context, id string, c chat.GroupChange) (changed chat.GroupInfo, err error) {
	defer s.answer("group.change", &err)
	err = s.changeGroup(ctx, id, func(tx *sql.Tx, g *lockedGroup) error {
		c.Apply(&g.GroupInfo)
		if c.Limit != nil && g.Limit < g.Members {
			return codec.Errorf(codec.CodeConflict,
				"the group has %d members already: remove some first, or choose a higher limit", g.Members)
		}
		changed = g.GroupInfo
		_, err := exec(ctx, tx, `UPDATE groups
			SET name = $2, notice = $3, avatar = $4, join_mode = $5, muted = $6, member_limit = $7 WHERE id = $1`,
			id, g.Name, g.Notice, g.Avatar, g.Join, g.Muted, g.Limit)
		return err
	})
	return changed, err
}

// DismissGroup implements chat.Groups.
func (s *Store) DismissGroup(ctx context.Context, id string) (_ delivery.MemberChange, err error) {
	defer s.answer("group.dismiss", &err)
	return s.changeMembers(ctx, id, func(tx *sql.Tx, g *lockedGroup, c *delivery.MemberChange) (err error) {
		c.Left, err = queryStrings(ctx, tx, `SELECT "user" FROM members WHERE conversation = $1 ORDER BY "user"`, g.convID)
		if err != nil {
			return fmt.Errorf("read the members: %w", err)
		}
		for _, table := range []string{"members", "devices", "hidden"} {
			if _, err := exec(ctx, tx, `DELETE FROM `+table+` WHERE conversation = $1`, g.convID); err != nil {
				return fmt.Errorf("empty the table %s: %w", table, err)
			}
		}
		if _, err := exec(ctx, tx, `DELETE FROM join_requests WHERE group_id = $1`, id); err != nil {
			return fmt.Errorf("remove requests to join: %w", err)
		}
		_, err = exec(ctx, tx, `DELETE FROM groups WHERE id = $1`, id)
		return err
	})
}

// GroupsOf implements chat.Groups, in ascending order of ids.
func (s *Store) GroupsOf(
	ctx context.Context, user string, limit int, cursor string,
) (_ []chat.GroupInfo, _ string, err error) {
	defer s.answer("group.list_of_user", &err)
	after, err := decodeCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	return s.groupPage(ctx, limit, `SELECT `+groupColumns+` FROM members m JOIN groups g ON g.conversation = m.conversation
		WHERE m."user" = $1 AND g.id > $2 ORDER BY g.id LIMIT $3`, user, after, limit+1)
}

// ListGroups implements chat.Groups, in ascending order of ids.
func (s *Store) ListGroups(ctx context.Context, limit int, cursor string) (_ []chat.GroupInfo, _ string, err error) {
	defer s.answer("group.list", &err)
	after, err := decodeCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	return s.groupPage(ctx, limit, `SELECT `+groupColumns+` FROM groups g WHERE g.id > $1 ORDER BY g.id LIMIT $2`,
		after, limit+1)
}

func (s *Store) groupPage(ctx context.Context, limit int, query string, args ...any) ([]chat.GroupInfo, string, error) {
	rows, err := s.cached.QueryContext(ctx, query, args...)
	groups, err := scanRows(rows, err, groupFields)
	if err != nil {
		return nil, "", err
	}
	for i := range groups {
		groups[i].Conv = chat.GroupKey(groups[i].ID)
	}
	page, next := cursorPage(groups, limit, func(g chat.GroupInfo) string { return g.ID })
	return page, next, nil
}
