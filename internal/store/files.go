package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/files"
)

// States of a file.
const (
	fileUploading = 0 // its size is what is reserved
	fileWhole     = 1
	fileCondemned = 2
)

const (
	// fileColumns are what fileFields takes, of files f.
	fileColumns = `f.id, f.owner, f.name, f.type, f.size, f.width, f.height, f.duration, f.thumb, f.attached, f.created`

	sqlFile         = `SELECT ` + fileColumns + ` FROM files f WHERE f.id = $1 AND f.state = $2`
	sqlReadableFile = `SELECT ` + fileColumns + `, f.owner = $2
			OR EXISTS (SELECT 1 FROM file_links l WHERE l.file = f.id AND l.conv IN ($3, $4))
			OR EXISTS (SELECT 1 FROM file_links l JOIN conversations c ON c.key = l.conv
				JOIN members m ON m.conversation = c.id AND m."user" = $2 WHERE l.file = f.id)
		FROM files f WHERE f.id = $1 AND f.state = $5`
	sqlFilesOfUser = `SELECT ` + fileColumns + ` FROM files f
		WHERE f.owner = $1 AND f.state = $2 AND (f.id < $3 OR $3 = '') ORDER BY f.id DESC LIMIT $4`
)

func fileFields(f *files.File) []any {
	return []any{
		&f.ID, &f.Owner, &f.Name, &f.Type, &f.Size, &f.Width, &f.Height, &f.Duration, &f.Thumb, &f.Attached, &f.Created,
	}
}

func fileNotFound(id string) error {
	return codec.Errorf(codec.CodeNotFound, "there is no file %.64q", id)
}

// CreateFile implements files.Uploads. The quota is one row for each user, which
// both engines change in one step, so that uploads at the same time can't pass it
// together.
func (s *Store) CreateFile(ctx context.Context, f files.File, quota int64) (err error) {
	defer s.answer("file.create", &err)
	const (
		reserve = `INSERT INTO file_usage ("user", bytes) VALUES ($1, $2)
			ON CONFLICT ("user") DO UPDATE SET bytes = file_usage.bytes + $2 WHERE file_usage.bytes + $2 <= $3`
		insert = `INSERT INTO files (id, owner, name, type, size, state, created) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	)
	full := codec.Errorf(codec.CodeTooMany,
		"your files may take %d bytes together, and this one doesn't fit; delete others first", quota)
	if f.Size > quota {
		return full
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		n, err := exec(ctx, tx, reserve, f.Owner, f.Size, quota)
		if err != nil {
			return fmt.Errorf("reserve a user's quota: %w", err)
		}
		if n == 0 {
			return full
		}
		_, err = exec(ctx, tx, insert, f.ID, f.Owner, f.Name, f.Type, f.Size, fileUploading, f.Created)
		return err
	})
}

// FinishFile implements files.Uploads.
func (s *Store) FinishFile(ctx context.Context, f files.File, conv string) (err error) {
	defer s.answer("file.finish", &err)
	const (
		// What was reserved is read in the statement that replaces it, so that nothing
		// comes between the two.
		giveBack = `UPDATE file_usage
			SET bytes = bytes + $1 - COALESCE((SELECT size FROM files WHERE id = $2 AND state = $3), $1) WHERE "user" = $4`
		finish = `UPDATE files SET size = $1, width = $2, height = $3, duration = $4, thumb = $5, state = $6
			WHERE id = $7 AND state = $8`
	)
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := exec(ctx, tx, giveBack, f.Size, f.ID, fileUploading, f.Owner); err != nil {
			return fmt.Errorf("give back a user's quota: %w", err)
		}
		n, err := exec(ctx, tx, finish, f.Size, f.Width, f.Height, f.Duration, f.Thumb, fileWhole, f.ID, fileUploading)
		switch {
		case err != nil:
			return err
		case n == 0:
			return codec.Errorf(codec.CodeConflict, "this upload was given up meanwhile; send the file again")
		case conv == "":
			return nil
		}
		return linkFile(ctx, tx, f.ID, conv)
	})
}

func linkFile(ctx context.Context, tx *sql.Tx, id, conv string) error {
	_, err := exec(ctx, tx, `INSERT INTO file_links (file, conv) VALUES ($1, $2) ON CONFLICT DO NOTHING`, id, conv)
	if err != nil {
		return fmt.Errorf("link a file: %w", err)
	}
	return nil
}

// CondemnFile implements files.Uploads.
func (s *Store) CondemnFile(ctx context.Context, id string) (err error) {
	defer s.answer("file.condemn", &err)
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := exec(ctx, tx, `UPDATE files SET state = $1 WHERE id = $2`, fileCondemned, id)
		return err
	})
}

// CondemnStale implements files.Uploads. The condition on loose files is written
// as their index has it.
func (s *Store) CondemnStale(
	ctx context.Context, uploading, unattached int64, limit int,
) (condemned []string, err error) {
	defer s.answer("file.condemn_stale", &err)
	const (
		stale = `(state <> 1 OR NOT attached) AND (state = 2 OR state = 0 AND created < $1 OR state = 1 AND created < $2)`
		find  = `SELECT id FROM files WHERE ` + stale + ` ORDER BY created LIMIT $3`
		// Asked again, since a message may have taken it meanwhile.
		condemn = `UPDATE files SET state = 2 WHERE ` + stale + ` AND id = $3`
	)
	found, err := queryStrings(ctx, s.cached, find, uploading, unattached, limit)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		for _, id := range found {
			n, err := exec(ctx, tx, condemn, uploading, unattached, id)
			if err != nil {
				return err
			}
			if n > 0 {
				condemned = append(condemned, id)
			}
		}
		return nil
	})
	return condemned, err
}

// ForgetFile implements files.Uploads.
func (s *Store) ForgetFile(ctx context.Context, id string) (err error) {
	defer s.answer("file.forget", &err)
	const (
		forget = `DELETE FROM files WHERE id = $1 AND state = $2 RETURNING owner, size`
		unlink = `DELETE FROM file_links WHERE file = $1`
		free   = `UPDATE file_usage SET bytes = bytes - $1 WHERE "user" = $2`
	)
	return s.write(ctx, func(tx *sql.Tx) error {
		var owner string
		var size int64
		err := tx.QueryRowContext(ctx, forget, id, fileCondemned).Scan(&owner, &size)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // another node was faster
		}
		if err != nil {
			return err
		}
		if _, err := exec(ctx, tx, unlink, id); err != nil {
			return fmt.Errorf("unlink a file: %w", err)
		}
		_, err = exec(ctx, tx, free, size, owner)
		return err
	})
}

// disownFiles is the part of deleting a user that is about files: those that were
// sent stay for their readers, the others are cleaned away, and the next user of the
// same name gets none of them.
func disownFiles(ctx context.Context, tx *sql.Tx, user string) error {
	if _, err := exec(ctx, tx, `UPDATE files SET owner = '' WHERE owner = $1`, user); err != nil {
		return fmt.Errorf("disown files: %w", err)
	}
	if _, err := exec(ctx, tx, `DELETE FROM file_usage WHERE "user" = $1`, user); err != nil {
		return fmt.Errorf("free a user's quota: %w", err)
	}
	return nil
}

// File implements files.Records.
func (s *Store) File(ctx context.Context, id string) (f files.File, err error) {
	defer s.answer("file.find", &err)
	err = s.cached.QueryRowContext(ctx, sqlFile, id, fileWhole).Scan(fileFields(&f)...)
	if errors.Is(err, sql.ErrNoRows) {
		return files.File{}, fileNotFound(id)
	}
	return f, err
}

// ReadableFile implements files.Records.
func (s *Store) ReadableFile(ctx context.Context, id, user, notices string) (f files.File, may bool, err error) {
	defer s.answer("file.readable", &err)
	err = s.cached.QueryRowContext(ctx, sqlReadableFile, id, user, notices, chat.Everyone, fileWhole).
		Scan(append(fileFields(&f), &may)...)
	if errors.Is(err, sql.ErrNoRows) {
		return files.File{}, false, fileNotFound(id)
	}
	return f, may, err
}

// AttachFiles implements files.Records.
func (s *Store) AttachFiles(ctx context.Context, ids []string, conv string) (err error) {
	defer s.answer("file.attach", &err)
	const attach = `UPDATE files SET attached = TRUE WHERE id = $1 AND state = $2`
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, id := range ids {
			n, err := exec(ctx, tx, attach, id, fileWhole)
			if err != nil {
				return err
			}
			if n == 0 {
				return fileNotFound(id)
			}
			if err := linkFile(ctx, tx, id, conv); err != nil {
				return err
			}
		}
		return nil
	})
}

// FileLinks implements files.Records.
func (s *Store) FileLinks(ctx context.Context, id string, limit int) (_ []string, err error) {
	defer s.answer("file.links", &err)
	return queryStrings(ctx, s.cached, `SELECT conv FROM file_links WHERE file = $1 ORDER BY conv LIMIT $2`, id, limit)
}

// FilesOf implements files.Records.
func (s *Store) FilesOf(
	ctx context.Context, user string, limit int, cursor string,
) (page []files.File, next string, used int64, err error) {
	defer s.answer("file.list", &err)
	before, err := decodeCursor(cursor)
	if err != nil {
		return nil, "", 0, err
	}
	const sum = `SELECT COALESCE(SUM(bytes), 0) FROM file_usage WHERE "user" = $1`
	if err := s.cached.QueryRowContext(ctx, sum, user).Scan(&used); err != nil {
		return nil, "", 0, fmt.Errorf("find how much is used: %w", err)
	}
	rows, err := s.cached.QueryContext(ctx, sqlFilesOfUser, user, fileWhole, before, limit+1)
	found, err := scanRows(rows, err, fileFields)
	if err != nil {
		return nil, "", 0, err
	}
	page, next = cursorPage(found, limit, func(f files.File) string { return f.ID })
	return page, next, used, nil
}

// InConversation implements files.Records.
func (s *Store) InConversation(ctx context.Context, user, conv string) (in bool, err error) {
	defer s.answer("conversation.includes", &err)
	err = s.cached.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM conversations c
		JOIN members m ON m.conversation = c.id WHERE c.key = $1 AND m."user" = $2)`, conv, user).Scan(&in)
	return in, err
}
