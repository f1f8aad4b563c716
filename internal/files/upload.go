package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/oklog/ulid/v2"

	"pushd/internal/account"
	"pushd/internal/codec"
)

// UploadRequest is a file on its way in.
type UploadRequest struct {
	Name string    // what the uploader calls it; "" is fine
	Type string    // the declared type, which is only compared with the content
	Conv string    // a conversation that may read it from now on; "" for none yet
	Size int64     // bytes, or more than there are; -1 when unknown
	Body io.Reader // read once, to its end; a *codec.Error of it is the answer
}

// UploadReply is the stored file. URL is what a message carries; Link works at once in
// a page of the uploader.
type UploadReply struct {
	Info
	Link      string `json:"link"`
	ThumbLink string `json:"thumb_link,omitempty"`
	Expires   int64  `json:"expires"` // of the links, Unix milliseconds
}

// Upload stores a file. Once it returns without an error, the file is on stable
// storage as far as the bucket can promise that. After an error nothing is left of
// it. 400 with ErrType for a type that is not accepted, 413 for too large a file, 429
// over the uploader's quota or uploads at once, 503 when it can't be stored now.
func (s *Service) Upload(ctx context.Context, id account.Identity, r UploadRequest) (UploadReply, error) {
	if err := requireUser(id); err != nil {
		return UploadReply{}, err
	}
	if r.Size > s.opts.MaxSize {
		return UploadReply{}, s.tooLarge()
	}
	if err := s.acquireUpload(id.User); err != nil {
		return UploadReply{}, err
	}
	defer s.releaseUpload(id.User)
	if r.Conv != "" {
		if err := s.requirePoster(ctx, id.User, r.Conv); err != nil {
			return UploadReply{}, err
		}
	}
	f, body, err := s.recognize(id, r)
	if err != nil {
		return UploadReply{}, err
	}
	if err := s.store.CreateFile(ctx, f, s.opts.Quota); err != nil {
		return UploadReply{}, err
	}
	if err := s.storeContent(ctx, &f, body, r.Conv); err != nil {
		// The reason may be that ctx has ended, and this has to happen all the same.
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if e := s.undoUpload(cleanup, f.ID); e != nil {
			s.log.Warn("the rest of a failed upload is still stored; it is removed with the next cleaning",
				logFile(f.ID), slog.Any("error", e))
		}
		return UploadReply{}, err
	}
	link := s.makeLink(f, id.User)
	return UploadReply{Info: f.clientInfo(), Link: link.URL, ThumbLink: link.Thumb, Expires: link.Expires}, nil
}

// recognize reads the beginning of a file and says what it is and is called. The
// body it returns is the whole one, and ends with an error when it is too long.
func (s *Service) recognize(id account.Identity, r UploadRequest) (File, io.Reader, error) {
	head := make([]byte, sniffLen)
	n, err := io.ReadFull(r.Body, head)
	head = head[:n]
	switch {
	case errors.Is(err, io.EOF):
		return File{}, nil, codec.Errorf(codec.CodeMalformed, "the file is empty")
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return File{}, nil, interrupted(err)
	}
	kind, extension, err := s.types.detect(head, r.Type)
	if err != nil {
		return File{}, nil, err
	}
	now := s.now()
	file, err := ulid.New(uint64(now), s.ids)
	if err != nil {
		return File{}, nil, fmt.Errorf("make an id: %w", err)
	}
	f := File{
		ID: file.String(), Owner: id.User, Name: cleanName(r.Name, kind, extension), Type: kind, Size: r.Size, Created: now,
	}
	if f.Size < 0 {
		f.Size = s.opts.MaxSize
	}
	whole := io.MultiReader(bytes.NewReader(head), r.Body)
	return f, &limitedBody{r: whole, left: s.opts.MaxSize, over: s.tooLarge}, nil
}

// storeContent stores the body, inspects it, and makes the file readable.
func (s *Service) storeContent(ctx context.Context, f *File, body io.Reader, conv string) error {
	size, err := s.bucket.write(ctx, objectKey(f.ID), f.Type, body)
	if err != nil {
		return interrupted(err)
	}
	f.Size = size
	inspect := s.inspectImage
	if family(essence(f.Type)) == "media" {
		inspect = s.inspectMedia
	}
	if err := inspect(ctx, f); err != nil {
		return err
	}
	return s.store.FinishFile(ctx, *f, conv)
}

// undoUpload makes a file unreadable, then deletes it. What it doesn't get to is
// found again by Clean.
func (s *Service) undoUpload(ctx context.Context, id string) error {
	if err := s.store.CondemnFile(ctx, id); err != nil {
		return err
	}
	return s.erase(ctx, id)
}

// erase deletes a condemned file, its row last.
func (s *Service) erase(ctx context.Context, id string) error {
	if err := s.bucket.remove(ctx, objectKey(id)); err != nil {
		return err
	}
	return s.store.ForgetFile(ctx, id)
}

func (s *Service) tooLarge() error {
	return codec.Errorf(codec.CodeTooLarge, "a file is at most %d bytes long", s.opts.MaxSize)
}

// interrupted answers an upload whose body could not be read to its end.
func interrupted(err error) error {
	if _, answered := errors.AsType[*codec.Error](err); answered {
		return err
	}
	e := codec.Errorf(codec.CodeMalformed, "the upload ended before the file was complete; send it again")
	e.Cause = err
	return e
}

// limitedBody reads up to left bytes; more is an error.
type limitedBody struct {
	r    io.Reader
	left int64
	over func() error
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one more, to see whether there is one
	}
	n, err := b.r.Read(p)
	if int64(n) > b.left {
		return int(b.left), b.over()
	}
	b.left -= int64(n)
	return n, err
}
