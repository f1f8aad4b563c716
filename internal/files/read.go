package files

import (
	"context"
	"io"
	"strings"
	"time"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/codec"
)

// InfoRequest names one file.
type InfoRequest struct {
	ID string `json:"id"`
}

// Info tells what is known about a file that the caller may read.
func (s *Service) Info(ctx context.Context, id account.Identity, r InfoRequest) (Info, error) {
	f, err := s.readable(ctx, id, r.ID)
	return f.clientInfo(), err
}

// OpenRequest asks for a file's bytes.
type OpenRequest struct {
	ID    string
	Name  string // as in its URL; not asked for with Thumb
	Thumb bool
}

// Content is the bytes of a file, to be read from any offset.
type Content struct {
	Name     string
	Type     string
	Size     int64  // bytes; -1 where only reading tells
	Tag      string // stands for the content and never for another
	Modified time.Time
	Inline   bool // a browser may show it in place

	bucket *Bucket
	key    string
}

// Open finds a file that the caller may read, as its uploader or as a member of a
// conversation that it was sent to. 404 when there is none of that id and name.
func (s *Service) Open(ctx context.Context, id account.Identity, r OpenRequest) (Content, error) {
	f, err := s.readable(ctx, id, r.ID)
	if err != nil {
		return Content{}, err
	}
	c := Content{
		Name: f.Name, Type: f.Type, Size: f.Size, Tag: f.ID, Inline: shownInline(f.Type),
		Modified: time.UnixMilli(f.Created), bucket: s.bucket, key: objectKey(f.ID),
	}
	switch {
	case r.Thumb && f.Thumb == "":
		return Content{}, codec.Errorf(codec.CodeNotFound, "this file has no thumbnail")
	case r.Thumb:
		c.Name, c.Type, c.Inline = "thumb-"+f.Name+thumbExtension(f.Thumb), f.Thumb, true
		c.Tag, c.key = f.ID+"-thumb", thumbKey(f.ID)
		if c.Size, err = s.bucket.size(ctx, c.key); err != nil {
			return Content{}, err
		}
	case r.Name != f.Name:
		return Content{}, notFound(r.ID + "/" + r.Name)
	}
	return c, nil
}

func thumbExtension(contentType string) string {
	return "." + strings.TrimPrefix(contentType, "image/")
}

// Read opens length bytes from offset on. ctx has to live until the reader is
// closed.
func (c Content) Read(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	r, err := c.bucket.openRange(ctx, c.key, offset, length)
	if err != nil {
		return nil, err // a nil *blob.Reader in the interface would not be nil
	}
	return r, nil
}

// readable finds a file, and answers 403 when the caller may not read it.
func (s *Service) readable(ctx context.Context, id account.Identity, file string) (File, error) {
	if err := requireUser(id); err != nil {
		return File{}, err
	}
	if err := checkID(file); err != nil {
		return File{}, err
	}
	f, may, err := s.store.ReadableFile(ctx, file, id.User, chat.NoticeKey(id.User))
	if err != nil {
		return File{}, err
	}
	if !may {
		return File{}, forbidden("you are in no conversation that this file was sent to")
	}
	return f, nil
}
