package store

import (
	"context"
	"database/sql"
	"errors"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

// groupColumns are what groupFields takes, of groups g.
const groupColumns = `g.id, g.name, g.notice, g.avatar, g.owner, g.join_mode, g.muted, g.members, g.member_limit, g.created`

func groupFields(g *chat.GroupInfo) []any {
	return []any{&g.ID, &g.Name, &g.Notice, &g.Avatar, &g.Owner, &g.Join, &g.Muted, &g.Members, &g.Limit, &g.Created}
}

// groupConv is the key of a group's conversation.
func groupConv(id string) string { return chat.KindGroup + ":" + id }

func noGroup(id string) error {
	return codec.Errorf(codec.CodeNotFound, "no group %.128s", id)
}

// heldGroup is a group whose row the transaction holds, so that nobody else changes
// its members meanwhile.
type heldGroup struct {
	chat.GroupInfo
	conversation int64
	maxSeq       uint64
}

// holdGroup locks the group's row; every change of a group begins with it, which
// makes the count of members right and keeps transactions out of each other's way.
func (s *Store) holdGroup(ctx context.Context, tx *sql.Tx, id string) (heldGroup, error) {
	var g heldGroup
	err := tx.QueryRowContext(ctx, `SELECT `+groupColumns+`, g.conversation FROM groups g WHERE g.id = $1`+s.lockRow(), id).
		Scan(append(groupFields(&g.GroupInfo), &g.conversation)...)
	if errors.Is(err, sql.ErrNoRows) {
		return g, noGroup(id)
	}
	if err != nil {
		return g, err
	}
	g.Conv = groupConv(id)
	// A statement of its own: what was appended while the lock was waited for counts.
	err = tx.QueryRowContext(ctx, `SELECT max_seq FROM conversations WHERE id = $1`, g.conversation).Scan(&g.maxSeq)
	return g, err
}

// CreateGroup implements chat.Groups. An id whose group was dismissed can be used
// again: the conversation goes on behind its old messages, which no new member sees.
func (s *Store) CreateGroup(ctx context.Context, g chat.GroupInfo, members []string, owned, in int) (chat.GroupInfo, error) {
	g.Conv, g.Members = groupConv(g.ID), 0
	err := s.write(ctx, func(tx *sql.Tx) error {
		held := heldGroup{GroupInfo: g}
		err := tx.QueryRowContext(ctx, `INSERT INTO conversations (key, last_time) VALUES ($1, $2)
			ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING id, max_seq`, g.Conv, g.Created).Scan(&held.conversation, &held.maxSeq)
		if err != nil {
			return err
		}
		done, err := tx.ExecContext(ctx, `INSERT INTO groups (id, conversation, name, notice, avatar, owner, join_mode, muted, members, member_limit, created)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10) ON CONFLICT (id) DO NOTHING`,
			g.ID, held.conversation, g.Name, g.Notice, g.Avatar, g.Owner, g.Join, g.Muted, g.Limit, g.Created)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return codec.Errorf(codec.CodeConflict, "there is a group %.128s already: choose another id", g.ID)
		}
		if g.Owner != "" {
			if err := checkOwned(ctx, tx, g.Owner, owned); err != nil {
				return err
			}
			members = append([]string{g.Owner}, members...)
		}
		added, err := s.addMembers(ctx, tx, held, members, in, g.Created)
		if err != nil {
			return err
		}
		g.Members = len(added)
		if g.Owner == "" {
			return nil
		}
		_, err = tx.ExecContext(ctx, `UPDATE members SET role = $3 WHERE conversation = $1 AND "user" = $2`, held.conversation, g.Owner, int(chat.RoleOwner))
		return err
	})
	return g, err
}

// checkOwned is 429 when the user, the groups of this transaction among them, owns
// more than allowed.
func checkOwned(ctx context.Context, tx *sql.Tx, user string, allowed int) error {
	if allowed == 0 {
		return nil
	}
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM groups WHERE owner = $1`, user).Scan(&n); err != nil {
		return err
	}
	if n > allowed {
		return codec.Errorf(codec.CodeTooMany, "%.128s owns %d groups already: dismiss or transfer one first", user, allowed)
	}
	return nil
}

// Group implements chat.Groups.
func (s *Store) Group(ctx context.Context, id string) (chat.GroupInfo, error) {
	var g chat.GroupInfo
	err := s.cached.QueryRowContext(ctx, `SELECT `+groupColumns+` FROM groups g WHERE g.id = $1`, id).Scan(groupFields(&g)...)
	if errors.Is(err, sql.ErrNoRows) {
		return g, noGroup(id)
	}
	g.Conv = groupConv(id)
	return g, s.failure(err)
}

// Place implements chat.Groups.
func (s *Store) Place(ctx context.Context, id, user string) (chat.GroupInfo, chat.Member, error) {
	var g chat.GroupInfo
	m := chat.Member{User: user}
	err := s.cached.QueryRowContext(ctx, `SELECT `+groupColumns+`, COALESCE(m.role, 0), COALESCE(m.join_seq, 0), COALESCE(m.read_seq, 0),
			COALESCE(m.muted_until, 0), COALESCE(m.remark, ''), COALESCE(m.since, 0)
		FROM groups g LEFT JOIN members m ON m.conversation = g.conversation AND m."user" = $2 WHERE g.id = $1`, id, user).
		Scan(append(groupFields(&g), &m.Role, &m.JoinSeq, &m.ReadSeq, &m.MutedUntil, &m.Remark, &m.Since)...)
	if errors.Is(err, sql.ErrNoRows) {
		return g, m, noGroup(id)
	}
	if m.Role == 0 {
		m = chat.Member{}
	}
	g.Conv = groupConv(id)
	return g, m, s.failure(err)
}

// ChangeGroup implements chat.Groups.
func (s *Store) ChangeGroup(ctx context.Context, id string, c chat.GroupChange) (chat.GroupInfo, error) {
	var g heldGroup
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		if g, err = s.holdGroup(ctx, tx, id); err != nil {
			return err
		}
		assign(&g.Name, c.Name)
		assign(&g.Notice, c.Notice)
		assign(&g.Avatar, c.Avatar)
		assign(&g.Join, c.Join)
		assign(&g.Muted, c.Muted)
		assign(&g.Limit, c.Limit)
		if c.Limit != nil && g.Limit < g.Members {
			return codec.Errorf(codec.CodeConflict, "the group has %d members already: remove some first, or choose a higher limit", g.Members)
		}
		_, err = tx.ExecContext(ctx, `UPDATE groups SET name = $2, notice = $3, avatar = $4, join_mode = $5, muted = $6, member_limit = $7 WHERE id = $1`,
			id, g.Name, g.Notice, g.Avatar, g.Join, g.Muted, g.Limit)
		return err
	})
	return g.GroupInfo, err
}

func assign[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// DismissGroup implements chat.Groups.
func (s *Store) DismissGroup(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		g, err := s.holdGroup(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, table := range []string{"members", "devices", "hidden"} {
			if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE conversation = $1`, g.conversation); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM join_requests WHERE group_id = $1`, id); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM groups WHERE id = $1`, id)
		return err
	})
}

// GroupsOf implements chat.Groups, in ascending order of ids.
func (s *Store) GroupsOf(ctx context.Context, user string, limit int, cursor string) ([]chat.GroupInfo, string, error) {
	after, err := afterName(cursor)
	if err != nil {
		return nil, "", err
	}
	return s.groupPage(ctx, limit, `SELECT `+groupColumns+` FROM members m JOIN groups g ON g.conversation = m.conversation
		WHERE m."user" = $1 AND g.id > $2 ORDER BY g.id LIMIT $3`, user, after, limit+1)
}

// ListGroups implements chat.Groups, in ascending order of ids.
func (s *Store) ListGroups(ctx context.Context, limit int, cursor string) ([]chat.GroupInfo, string, error) {
	after, err := afterName(cursor)
	if err != nil {
		return nil, "", err
	}
	return s.groupPage(ctx, limit, `SELECT `+groupColumns+` FROM groups g WHERE g.id > $1 ORDER BY g.id LIMIT $2`, after, limit+1)
}

func (s *Store) groupPage(ctx context.Context, limit int, query string, args ...any) ([]chat.GroupInfo, string, error) {
	rows, err := s.reads.QueryContext(ctx, query, args...)
	groups, err := scanAll(rows, err, groupFields)
	if err != nil {
		return nil, "", s.failure(err)
	}
	for i := range groups {
		groups[i].Conv = groupConv(groups[i].ID)
	}
	page, next := cutPage(groups, limit, func(g chat.GroupInfo) string { return g.ID })
	return page, next, nil
}
