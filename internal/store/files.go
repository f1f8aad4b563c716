package store

import (
	"context"
	"database/sql"
	"errors"

	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/files"
)

var _ files.Store = (*Store)(nil)

// States of a file.
const (
	fileUploading = 0 // its size is what is reserved
	fileWhole     = 1
	fileCondemned = 2
)

const fileColumns = `f.id, f.owner, f.name, f.type, f.size, f.width, f.height, f.duration, f.thumb, f.attached, f.created`

// filePlaces are where a row of fileColumns goes.
func filePlaces(f *files.File) []any {
	return []any{&f.ID, &f.Owner, &f.Name, &f.Type, &f.Size, &f.Width, &f.Height, &f.Duration, &f.Thumb, &f.Attached, &f.Created}
}

func noFile(id string) error {
	return codec.Errorf(codec.CodeNotFound, "there is no file %.64q", id)
}

// fileExec runs a statement and tells whether it changed anything.
func fileExec(ctx context.Context, tx *sql.Tx, query string, args ...any) (bool, error) {
	r, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

// CreateFile implements files.Uploads. The quota is one row for each user, which
// both engines change in one step, so that uploads at the same time can't pass it
// together.
func (s *Store) CreateFile(ctx context.Context, f files.File, quota int64) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		fits := f.Size <= quota
		if fits {
			var err error
			fits, err = fileExec(ctx, tx, `INSERT INTO file_usage ("user", bytes) VALUES ($1, $2)
				ON CONFLICT ("user") DO UPDATE SET bytes = file_usage.bytes + $2 WHERE file_usage.bytes + $2 <= $3`, f.Owner, f.Size, quota)
			if err != nil {
				return err
			}
		}
		if !fits {
			return codec.Errorf(codec.CodeTooMany, "your files may take %d bytes together, and this one doesn't fit; delete others first", quota)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO files (id, owner, name, type, size, state, created) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			f.ID, f.Owner, f.Name, f.Type, f.Size, fileUploading, f.Created)
		return err
	})
}

// FinishFile implements files.Uploads.
func (s *Store) FinishFile(ctx context.Context, f files.File, conv string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		// What was reserved is read in the statement that replaces it, so that nothing
		// comes between the two.
		_, err := fileExec(ctx, tx, `UPDATE file_usage SET bytes = bytes + $1 - COALESCE((SELECT size FROM files WHERE id = $2 AND state = $3), $1)
			WHERE "user" = $4`, f.Size, f.ID, fileUploading, f.Owner)
		if err != nil {
			return err
		}
		done, err := fileExec(ctx, tx, `UPDATE files SET size = $1, width = $2, height = $3, duration = $4, thumb = $5, state = $6
			WHERE id = $7 AND state = $8`, f.Size, f.Width, f.Height, f.Duration, f.Thumb, fileWhole, f.ID, fileUploading)
		if err != nil {
			return err
		}
		if !done {
			return codec.Errorf(codec.CodeConflict, "this upload was given up meanwhile; send the file again")
		}
		if conv == "" {
			return nil
		}
		return linkFile(ctx, tx, f.ID, conv)
	})
}

func linkFile(ctx context.Context, tx *sql.Tx, id, conv string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO file_links (file, conv) VALUES ($1, $2) ON CONFLICT DO NOTHING`, id, conv)
	return err
}

// CondemnFile implements files.Uploads.
func (s *Store) CondemnFile(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE files SET state = $1 WHERE id = $2`, fileCondemned, id)
		return err
	})
}

// CondemnStale implements files.Uploads. The condition on loose files is written
// as their index has it.
func (s *Store) CondemnStale(ctx context.Context, uploading, unattached int64, limit int) ([]string, error) {
	const stale = `(state <> 1 OR NOT attached) AND (state = 2 OR state = 0 AND created < $1 OR state = 1 AND created < $2)`
	found, err := textColumn(ctx, s.reads, `SELECT id FROM files WHERE `+stale+` ORDER BY created LIMIT $3`, uploading, unattached, limit)
	if err != nil || len(found) == 0 {
		return nil, s.failure(err)
	}
	var condemned []string
	err = s.write(ctx, func(tx *sql.Tx) error {
		condemned = condemned[:0]
		for _, id := range found {
			// Asked again, since a message may have taken it meanwhile.
			hit, err := fileExec(ctx, tx, `UPDATE files SET state = 2 WHERE `+stale+` AND id = $3`, uploading, unattached, id)
			if err != nil {
				return err
			}
			if hit {
				condemned = append(condemned, id)
			}
		}
		return nil
	})
	return condemned, err
}

// ForgetFile implements files.Uploads.
func (s *Store) ForgetFile(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		var owner string
		var size int64
		err := tx.QueryRowContext(ctx, `DELETE FROM files WHERE id = $1 AND state = $2 RETURNING owner, size`, id, fileCondemned).Scan(&owner, &size)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // another node was faster
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM file_links WHERE file = $1`, id); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE file_usage SET bytes = bytes - $1 WHERE "user" = $2`, size, owner)
		return err
	})
}

// disownFiles is the part of deleting a user that is about files: those that were
// sent stay for their readers, the others are cleaned away, and whoever gets the
// name next gets none of them.
func disownFiles(ctx context.Context, tx *sql.Tx, user string) error {
	if _, err := tx.ExecContext(ctx, `UPDATE files SET owner = '' WHERE owner = $1`, user); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM file_usage WHERE "user" = $1`, user)
	return err
}

// File implements files.Records.
func (s *Store) File(ctx context.Context, id string) (files.File, error) {
	var f files.File
	err := s.reads.QueryRowContext(ctx, `SELECT `+fileColumns+` FROM files f WHERE f.id = $1 AND f.state = $2`, id, fileWhole).Scan(filePlaces(&f)...)
	if errors.Is(err, sql.ErrNoRows) {
		return files.File{}, noFile(id)
	}
	return f, s.failure(err)
}

// ReadableFile implements files.Records.
func (s *Store) ReadableFile(ctx context.Context, id, user, notices string) (files.File, bool, error) {
	var f files.File
	var may bool
	err := s.reads.QueryRowContext(ctx, `SELECT `+fileColumns+`, f.owner = $2
			OR EXISTS (SELECT 1 FROM file_links l WHERE l.file = f.id AND l.conv IN ($3, $4))
			OR EXISTS (SELECT 1 FROM file_links l JOIN conversations c ON c.key = l.conv
				JOIN members m ON m.conversation = c.id AND m."user" = $2 WHERE l.file = f.id)
		FROM files f WHERE f.id = $1 AND f.state = $5`, id, user, notices, chat.Everyone, fileWhole).Scan(append(filePlaces(&f), &may)...)
	if errors.Is(err, sql.ErrNoRows) {
		return files.File{}, false, noFile(id)
	}
	return f, may, s.failure(err)
}

// AttachFiles implements files.Records.
func (s *Store) AttachFiles(ctx context.Context, ids []string, conv string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, id := range ids {
			there, err := fileExec(ctx, tx, `UPDATE files SET attached = TRUE WHERE id = $1 AND state = $2`, id, fileWhole)
			if err != nil {
				return err
			}
			if !there {
				return noFile(id)
			}
			if err := linkFile(ctx, tx, id, conv); err != nil {
				return err
			}
		}
		return nil
	})
}

// FileLinks implements files.Records.
func (s *Store) FileLinks(ctx context.Context, id string, limit int) ([]string, error) {
	found, err := textColumn(ctx, s.reads, `SELECT conv FROM file_links WHERE file = $1 ORDER BY conv LIMIT $2`, id, limit)
	return found, s.failure(err)
}

// FilesOf implements files.Records.
func (s *Store) FilesOf(ctx context.Context, user string, limit int, cursor string) (page []files.File, next string, used int64, err error) {
	before, err := afterName(cursor)
	if err != nil {
		return nil, "", 0, err
	}
	err = s.reads.QueryRowContext(ctx, `SELECT COALESCE(SUM(bytes), 0) FROM file_usage WHERE "user" = $1`, user).Scan(&used)
	if err != nil {
		return nil, "", 0, s.failure(err)
	}
	rows, err := s.reads.QueryContext(ctx, `SELECT `+fileColumns+` FROM files f
		WHERE f.owner = $1 AND f.state = $2 AND (f.id < $3 OR $3 = '') ORDER BY f.id DESC LIMIT $4`, user, fileWhole, before, limit+1)
	found, err := scanAll(rows, err, filePlaces)
	if err != nil {
		return nil, "", 0, s.failure(err)
	}
	page, next = cutPage(found, limit, func(f files.File) string { return f.ID })
	return page, next, used, nil
}

// InConversation implements files.Records.
func (s *Store) InConversation(ctx context.Context, user, conv string) (in bool, err error) {
	err = s.reads.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM conversations c JOIN members m ON m.conversation = c.id
		WHERE c.key = $1 AND m."user" = $2)`, conv, user).Scan(&in)
	return in, s.failure(err)
}
