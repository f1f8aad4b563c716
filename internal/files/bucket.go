package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcerrors"

	"pushd/internal/codec"
)

// Bucket is where the bytes are. An object is there as a whole or not at all, and
// survives a crash once its write has returned.
type Bucket struct {
	blob *blob.Bucket
	dir  string // of a bucket on local disk; "" for any other
}

// Open opens a bucket: file:///DIRECTORY, which is made when it is missing, or
// s3://NAME?region=…, with endpoint=… for stores compatible with S3. Credentials
// for S3 come from where its SDK looks for them: AWS_ACCESS_KEY_ID and so on.
func Open(ctx context.Context, address string) (*Bucket, error) {
	u, err := parseAddress(address)
	if err != nil {
		return nil, fmt.Errorf("open the files' bucket: %w", err)
	}
	if u.Scheme == fileblob.Scheme {
		return openDir(u.Path)
	}
	b, err := new(s3blob.URLOpener).OpenBucketURL(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("open the files' bucket: %w", err)
	}
	return &Bucket{blob: b}, nil
}

// CheckAddress tells whether an address has a form that Open takes.
func CheckAddress(address string) error {
	_, err := parseAddress(address)
	return err
}

func parseAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err == nil && (u.Scheme == fileblob.Scheme && u.Host == "" && filepath.IsAbs(u.Path) && u.RawQuery == "" ||
		u.Scheme == s3blob.Scheme && u.Host != "" && u.User == nil) {
		return u, nil
	}
	return nil, errors.New("it is neither file:///DIRECTORY nor s3://BUCKET?region=REGION")
}

func openDir(dir string) (*Bucket, error) {
	b, err := fileblob.OpenBucket(dir, &fileblob.Options{
		CreateDir: true, DirFileMode: 0o700,
		// A rename is atomic within one file system alone, and /tmp may be another.
		NoTempDir: true,
		Metadata:  fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, fmt.Errorf("open the files' directory: %w", err)
	}
	return &Bucket{blob: b, dir: dir}, nil
}

// Reachable asks the store whether the bucket is there.
func (b *Bucket) Reachable(ctx context.Context) error {
	ok, err := b.blob.IsAccessible(ctx)
	if err == nil && !ok {
		err = errors.New("there is no such bucket")
	}
	if err != nil {
		return fmt.Errorf("reach the files' bucket: %w", err)
	}
	return nil
}

// Close ends the use of the bucket.
func (b *Bucket) Close() error {
	if err := b.blob.Close(); err != nil {
		return fmt.Errorf("close the files' bucket: %w", err)
	}
	return nil
}

// objectKey spreads files over 1,024 directories. Everything of a file begins with its
// key, so that all of it is found by that.
func objectKey(id string) string { return id[len(id)-2:] + "/" + id }

func thumbKey(id string) string { return objectKey(id) + ".thumb" }

// write stores all of body. An error of the body comes back as it is, one of the
// store is 503. After an error there is nothing under the key.
func (b *Bucket) write(ctx context.Context, key, contentType string, body io.Reader) (size int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var file *os.File
	w, err := b.blob.NewWriter(ctx, key, &blob.WriterOptions{
		ContentType: contentType,
		// What one upload may hold of memory on its way to S3: 5 MiB is the least that a
		// part of an object may have there.
		BufferSize: 5 << 20, MaxConcurrency: 1,
		BeforeWrite: func(as func(any) bool) error {
			as(&file) // stays nil where the driver writes no local file
			return nil
		},
	})
	if err != nil {
		return 0, unavailable(err)
	}
	// The wrapper keeps io.Copy from handing the body to the driver, where errors
	// of the two could not be told apart.
	reader := &bodyReader{body: body}
	size, err = io.Copy(struct{ io.Writer }{w}, reader)
	if err == nil && file != nil {
		err = file.Sync()
	}
	if err != nil {
		cancel() // before Close, which then stores nothing
		_ = w.Close()
		if reader.err != nil {
			return size, reader.err
		}
		return size, unavailable(err)
	}
	if err := w.Close(); err != nil {
		return size, unavailable(err)
	}
	return size, b.syncDirs(key)
}

// bodyReader remembers an error of the body.
type bodyReader struct {
	body io.Reader
	err  error
}

func (s *bodyReader) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// syncDirs makes the names of a file durable: its own, and its directory's.
func (b *Bucket) syncDirs(key string) error {
	if b.dir == "" {
		return nil
	}
	for _, dir := range []string{filepath.Join(b.dir, filepath.Dir(key)), b.dir} {
		d, err := os.Open(dir)
		if err != nil {
			return unavailable(err)
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return unavailable(err)
		}
	}
	return nil
}

// openRange opens length bytes from offset on; -1 is all that follow.
func (b *Bucket) openRange(ctx context.Context, key string, offset, length int64) (*blob.Reader, error) {
	r, err := b.blob.NewRangeReader(ctx, key, offset, length, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		e := codec.Errorf(codec.CodeNotFound, "the content of this file is no longer stored")
		e.Cause = err
		return nil, e
	}
	if err != nil {
		return nil, unavailable(err)
	}
	return r, nil
}

// remove deletes everything whose key begins with prefix: a file, its thumbnail,
// and what a crash left of writing them.
func (b *Bucket) remove(ctx context.Context, prefix string) error {
	var keys []string
	for list := b.blob.List(&blob.ListOptions{Prefix: prefix}); ; {
		object, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("list %s: %w", prefix, err)
		}
		keys = append(keys, object.Key)
	}
	for _, k := range keys {
		if err := b.blob.Delete(ctx, k); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return fmt.Errorf("delete %s: %w", k, err)
		}
	}
	return nil
}

func unavailable(err error) error {
	e := codec.Errorf(codec.CodeUnavailable, "files can't be stored or read right now; try again later")
	e.Cause = err
	return e
}

// size is how many bytes are stored under a key.
func (b *Bucket) size(ctx context.Context, key string) (int64, error) {
	a, err := b.blob.Attributes(ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return 0, notFound(key)
	}
	if err != nil {
		return 0, unavailable(err)
	}
	return a.Size, nil
}
