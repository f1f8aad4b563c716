package store

import (
	"context"
	"database/sql"

	"pushd/internal/chat"
	"pushd/internal/codec"
)

// AskToJoin implements chat.Groups. Who is in already is 409.
func (s *Store) AskToJoin(ctx context.Context, r chat.JoinRequest, perGroup, perUser int) (fresh bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		g, err := s.holdGroup(ctx, tx, r.Group)
		if err != nil {
			return err
		}
		var in, asked, ofGroup, ofUser int
		err = tx.QueryRowContext(ctx, `SELECT
				(SELECT COUNT(*) FROM members WHERE conversation = $1 AND "user" = $3),
				(SELECT COUNT(*) FROM join_requests WHERE group_id = $2 AND "user" = $3),
				(SELECT COUNT(*) FROM join_requests WHERE group_id = $2),
				(SELECT COUNT(*) FROM join_requests WHERE "user" = $3)`, g.conversation, r.Group, r.User).Scan(&in, &asked, &ofGroup, &ofUser)
		switch {
		case err != nil:
			return err
		case in > 0:
			return codec.Errorf(codec.CodeConflict, "you are a member of this group already")
		case asked == 0 && perGroup > 0 && ofGroup >= perGroup:
			return codec.Errorf(codec.CodeTooMany, "%d requests wait for an answer in this group already: try again later", ofGroup)
		case asked == 0 && perUser > 0 && ofUser >= perUser:
			return codec.Errorf(codec.CodeTooMany, "%d of your requests wait for an answer already: take one back first, by leaving that group", ofUser)
		}
		fresh = asked == 0
		_, err = tx.ExecContext(ctx, `INSERT INTO join_requests (group_id, "user", text, time) VALUES ($1, $2, $3, $4)
			ON CONFLICT (group_id, "user") DO UPDATE SET text = excluded.text`, r.Group, r.User, r.Text, r.Time)
		return err
	})
	return fresh, err
}

// AnswerJoin implements chat.Groups.
func (s *Store) AnswerJoin(ctx context.Context, group, user string, accept bool, in int, now int64) (was, added bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		g, err := s.holdGroup(ctx, tx, group)
		if err != nil {
			return err
		}
		done, err := tx.ExecContext(ctx, `DELETE FROM join_requests WHERE group_id = $1 AND "user" = $2`, group, user)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		if err != nil || n == 0 || !accept {
			was = n > 0
			return err
		}
		users, err := s.addMembers(ctx, tx, g, []string{user}, in, now)
		was, added = true, len(users) > 0
		return err
	})
	if err != nil {
		return false, false, err
	}
	return was, added, nil
}

// JoinRequests implements chat.Groups, in ascending order of user ids.
func (s *Store) JoinRequests(ctx context.Context, group string, limit int, cursor string) ([]chat.JoinRequest, string, error) {
	after, err := afterName(cursor)
	if err != nil {
		return nil, "", err
	}
	if _, err := s.groupConversation(ctx, group); err != nil {
		return nil, "", err
	}
	rows, err := s.reads.QueryContext(ctx, `SELECT group_id, "user", text, time FROM join_requests
		WHERE group_id = $1 AND "user" > $2 ORDER BY "user" LIMIT $3`, group, after, limit+1)
	found, err := scanAll(rows, err, func(r *chat.JoinRequest) []any { return []any{&r.Group, &r.User, &r.Text, &r.Time} })
	if err != nil {
		return nil, "", s.failure(err)
	}
	page, next := cutPage(found, limit, func(r chat.JoinRequest) string { return r.User })
	return page, next, nil
}
