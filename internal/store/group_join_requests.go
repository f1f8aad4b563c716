package store

import (
	"context"
	"database/sql"
	"fmt"

	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/delivery"
)

// AskToJoin implements chat.Groups. 409 for a user who is in already.
func (s *Store) AskToJoin(ctx context.Context, r chat.JoinRequest, perGroup, perUser int) (fresh bool, err error) {
	defer s.answer("group.ask_to_join", &err)
	const count = `SELECT
		(SELECT COUNT(*) FROM members WHERE conversation = $1 AND "user" = $3),
		(SELECT COUNT(*) FROM join_requests WHERE group_id = $2 AND "user" = $3),
		(SELECT COUNT(*) FROM join_requests WHERE group_id = $2),
		(SELECT COUNT(*) FROM join_requests WHERE "user" = $3)`
	err = s.changeGroup(ctx, r.Group, func(tx *sql.Tx, g *lockedGroup) error {
		var in, asked, ofGroup, ofUser int
		err := tx.QueryRowContext(ctx, count, g.convID, r.Group, r.User).Scan(&in, &asked, &ofGroup, &ofUser)
		switch {
		case err != nil:
			return fmt.Errorf("count requests to join: %w", err)
		case in > 0:
			return codec.Errorf(codec.CodeConflict, "you are a member of this group already")
		case asked == 0 && perGroup > 0 && ofGroup >= perGroup:
			return codec.Errorf(codec.CodeTooMany,
				"%d requests wait for an answer in this group already: try again later", ofGroup)
		case asked == 0 && perUser > 0 && ofUser >= perUser:
			return codec.Errorf(codec.CodeTooMany,
				"%d of your requests wait for an answer already: take one back first, by leaving that group", ofUser)
		}
		fresh = asked == 0
		_, err = exec(ctx, tx, `INSERT INTO join_requests (group_id, "user", text, time) VALUES ($1, $2, $3, $4)
			ON CONFLICT (group_id, "user") DO UPDATE SET text = excluded.text`, r.Group, r.User, r.Text, r.Time)
		return err
	})
	return fresh, err
}

// AnswerJoin implements chat.Groups.
func (s *Store) AnswerJoin(
	ctx context.Context, group, user string, accept bool, in int, now int64,
) (was bool, c delivery.MemberChange, err error) {
	defer s.answer("group.answer_join", &err)
	c, err = s.changeMembers(ctx, group, func(tx *sql.Tx, g *lockedGroup, c *delivery.MemberChange) error {
		n, err := exec(ctx, tx, `DELETE FROM join_requests WHERE group_id = $1 AND "user" = $2`, group, user)
		if err != nil {
			return fmt.Errorf("remove a request to join: %w", err)
		}
		if was = n > 0; !was || !accept {
			return nil
		}
		c.Joined, err = addMembers(ctx, tx, g, []string{user}, in, now)
		return err
	})
	return was && err == nil, c, err
}

// JoinRequests implements chat.Groups, in ascending order of user ids.
func (s *Store) JoinRequests(
	ctx context.Context, group string, limit int, cursor string,
) (_ []chat.JoinRequest, _ string, err error) {
	defer s.answer("group.join_requests", &err)
	after, err := decodeCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	if _, err := s.groupConversation(ctx, group); err != nil {
		return nil, "", err
	}
	rows, err := s.cached.QueryContext(ctx, `SELECT group_id, "user", text, time FROM join_requests
		WHERE group_id = $1 AND "user" > $2 ORDER BY "user" LIMIT $3`, group, after, limit+1)
	found, err := scanRows(rows, err, func(r *chat.JoinRequest) []any {
		return []any{&r.Group, &r.User, &r.Text, &r.Time}
	})
	if err != nil {
		return nil, "", err
	}
	page, next := cursorPage(found, limit, func(r chat.JoinRequest) string { return r.User })
	return page, next, nil
}
