package files_test

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pushd/internal/codec"
	"pushd/internal/files"
	"pushd/internal/testwait"
)

// bytesGone deletes everything on disk behind the service's back.
func (b *bench) bytesGone() error {
	return errors.Join(os.RemoveAll(b.dir), os.Mkdir(b.dir, 0o700))
}

func (b *bench) clean(want int) {
	b.Helper()
	removed, err := b.Clean(b.Context())
	if err != nil || removed != want {
		b.Fatalf("%d files cleaned (%v), want %d", removed, err, want)
	}
}

func TestWhatNoMessageCarriesIsCleanedAway(t *testing.T) {
	b := newBench(t)
	b.store.members["g:1"] = []string{"ada"}
	png := encoded(t, "image/png", painting(400, 400, false))
	sent, loose := b.upload("a.png", "", png), b.upload("b.png", "", png)
	if err := b.Attach(t.Context(), user("ada"), "g:1", sent.URL); err != nil {
		t.Fatal(err)
	}
	b.clean(0)
	b.now = b.now.Add(24*time.Hour - time.Minute)
	b.clean(0)
	b.now = b.now.Add(2 * time.Minute)
	b.clean(1)
	_, err := b.Open(t.Context(), user("ada"), files.OpenRequest{ID: loose.ID, Name: "b.png"})
	wantCode(t, "a cleaned file", err, codec.CodeNotFound)
	wantCode(t, "sending a cleaned file", b.Attach(t.Context(), user("ada"), "g:1", loose.URL), codec.CodeNotFound)
	b.stored(sent, false)
	b.stored(sent, true)
	if n := len(b.onDisk()); n != 2 || b.store.used["ada"] != int64(len(png)) {
		t.Errorf("%d files on disk, %d bytes used", n, b.store.used["ada"])
	}
	b.now = b.now.Add(1000 * time.Hour)
	b.clean(0)
}

func TestWhatACrashLeftIsCleanedAway(t *testing.T) {
	b := newBench(t)
	f := b.upload("a.txt", "", []byte("text"))
	// As after a kill in the middle of an upload: a row that is uploading, and beside
	// its name the temporary file.
	b.store.rows[f.ID].state = 0
	path := b.onDisk()[0]
	for _, name := range []string{path + ".18a5.tmp", path + ".thumb", path + ".thumb.18a6.tmp"} {
		if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	neighbour := filepath.Join(filepath.Dir(path), "01J00000000000000000000000")
	if err := os.WriteFile(neighbour, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.clean(0)
	b.now = b.now.Add(time.Hour + time.Minute)
	b.clean(1)
	if left := b.onDisk(); len(left) != 1 || left[0] != neighbour {
		t.Errorf("on disk: %v", left)
	}
}

func TestWhatCanNotBeErasedIsTriedAgain(t *testing.T) {
	b := newBench(t)
	f := b.upload("a.txt", "", []byte("text"))
	b.store.fail["ForgetFile"] = codec.Errorf(codec.CodeUnavailable, "away")
	if _, err := b.Delete(t.Context(), user("ada"), files.DeleteRequest{ID: f.ID}); err != nil {
		t.Fatal("a file that can't be read any more is deleted for its owner:", err)
	}
	_, err := b.Open(t.Context(), user("ada"), files.OpenRequest{ID: f.ID, Name: f.Name})
	wantCode(t, "a deleted file", err, codec.CodeNotFound)
	if _, err := b.Clean(t.Context()); codec.AsError(err) == nil {
		t.Error("cleaning went well without a database")
	}
	b.store.fail = map[string]error{}
	b.clean(1)
	b.nothingLeft()
}

func TestRunCleansAndStops(t *testing.T) {
	b := newBench(t)
	b.upload("a.txt", "", []byte("text"))
	b.now = b.now.Add(25 * time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.Service.Run(ctx)
	}()
	testwait.Until(t, "nothing to be left on the disk", b.onDisk, func(left []string) bool { return len(left) == 0 })
	cancel()
	<-done
}

// limitFiles has the kernel refuse to write files beyond so many bytes, which a
// program sees as it would a full disk: some of a write is taken, the rest is an
// error.
func limitFiles(t *testing.T, bytes uint64) (restore func()) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	restore = func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Error(err)
		}
		signal.Reset(syscall.SIGXFSZ)
	}
	t.Cleanup(restore)
	return restore
}

func TestAFullDiskLeavesNoHalfFile(t *testing.T) {
	b := newBench(t)
	small := b.upload("small.txt", "", []byte("text"))
	restore := limitFiles(t, 64<<10)
	for _, size := range []int64{-1, 1 << 20} {
		_, err := b.Upload(t.Context(), user("ada"), files.UploadRequest{Size: size, Body: strings.NewReader(strings.Repeat("x", 1<<20))})
		wantCode(t, "no space", err, codec.CodeUnavailable)
	}
	if paths := b.onDisk(); len(paths) != 1 || len(b.store.rows) != 1 || b.store.used["ada"] != 4 {
		t.Errorf("left: %v, %d rows, %d bytes used", paths, len(b.store.rows), b.store.used["ada"])
	}
	b.stored(small, false) // reading goes on
	restore()
	if _, err := b.Upload(t.Context(), user("ada"), files.UploadRequest{Size: -1, Body: strings.NewReader(strings.Repeat("x", 1<<20))}); err != nil {
		t.Error("with space again:", err)
	}
}
