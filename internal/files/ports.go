package files

import (
	"context"

	"pushd/internal/account"
)

// Uploads keeps what is known about files from their first byte to their last.
// Errors are *codec.Error: 404 for what isn't there, 503 (temporary) when the
// database can't answer now.
type Uploads interface {
	// CreateFile records an upload under way and reserves f.Size bytes of its owner's
	// quota; 429 when that would be more than quota.
	CreateFile(ctx context.Context, f File, quota int64) error
	// FinishFile makes it readable and gives back what of the reserved bytes was not
	// used; it is linked to conv too, unless that is "". 409 when it was given up
	// meanwhile.
	FinishFile(ctx context.Context, f File, conv string) error
	// CondemnFile makes it unreadable at once; the second time is no error. Its row
	// stays until ForgetFile, so that its bytes are found again after a crash.
	CondemnFile(ctx context.Context, id string) error
	// CondemnStale does that to uploads that began before one time and to files created
	// before the other that no message carries. It returns them and whatever else is
	// condemned, at most limit ids.
	CondemnStale(ctx context.Context, uploading, unattached int64, limit int) ([]string, error)
	// ForgetFile removes a condemned file's row and gives back its owner's quota.
	ForgetFile(ctx context.Context, id string) error
}

// Records answers questions about files that are whole.
type Records interface {
	// File finds one; 404 also for one that is condemned or still uploading.
	File(ctx context.Context, id string) (File, error)
	// ReadableFile is File, and tells whether the user uploaded it or is in a
	// conversation that it is linked to. notices is the key of the user's notices.
	ReadableFile(ctx context.Context, id, user, notices string) (f File, may bool, err error)
	// AttachFiles links files to a conversation, for good; 404 when one isn't there.
	AttachFiles(ctx context.Context, ids []string, conv string) error
	// FileLinks are the conversations that a file is linked to, ascending, at most limit.
	FileLinks(ctx context.Context, id string, limit int) ([]string, error)
	// FilesOf are the files that a user uploaded, newest first, and how many bytes count
	// for the user's quota; 400 for a cursor that this did not make.
	FilesOf(ctx context.Context, user string, limit int, cursor string) (page []File, next string, used int64, err error)
	// InConversation tells whether the user is a member of it.
	InConversation(ctx context.Context, user, conv string) (bool, error)
}

// Store is everything that the service keeps in SQL. *store.Store is one.
type Store interface {
	Uploads
	Records
}

// requireUser is 403 for an API key. Backends may call Attach and the admin methods
// alone.
func requireUser(id account.Identity) error {
	if id.User == "" {
		return forbidden("only a user can do this; log in and send the user's token")
	}
	return nil
}
