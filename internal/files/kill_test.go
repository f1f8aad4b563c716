package files_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pushd/internal/files"
	"pushd/internal/store"
)

// childDir is the variable that makes a process of this test the one to be
// killed, and says where it works.
const childDir = "PUSHD_TEST_FILES_CHILD"

// openReal is a service on a database and a directory.
func openReal(ctx context.Context, dir string, o files.Options) (*files.Service, *store.Store, error) {
	s, err := store.Open(ctx, store.Options{URL: "sqlite:" + filepath.Join(dir, "pushd.db")})
	if err != nil {
		return nil, nil, err
	}
	bucket, err := files.Open(ctx, "file://"+filepath.Join(dir, "files"))
	if err != nil {
		return nil, nil, err
	}
	o.Key = testKey
	return files.New(s, bucket, o), s, nil
}

// uploadForever uploads in several goroutines, and writes a line for each file
// once it is answered.
func uploadForever(dir string) int {
	ctx := context.Background()
	service, _, err := openReal(ctx, dir, files.Options{PerUser: 8})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	failed := make(chan error)
	for n := range 4 {
		go func() {
			for i := 0; ; i++ {
				content := bytes.Repeat(fmt.Appendf(nil, "%d of %d, ", i, n), 20_000)
				reply, err := service.Upload(ctx, user("ada"), files.UploadRequest{Size: -1, Body: bytes.NewReader(content)})
				if err != nil {
					failed <- err
					return
				}
				// One write of a line is whole in a pipe.
				fmt.Printf("%s %x\n", reply.URL, sha256.Sum256(content))
			}
		}()
	}
	fmt.Fprintln(os.Stderr, <-failed)
	return 1
}

func TestWhatWasAnsweredSurvivesAKill(t *testing.T) {
	dir := t.TempDir()
	answered := map[string]string{} // sums by URL
	for round := range 4 {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), childDir+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		child.Stderr = os.Stderr
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 20+7*round && lines.Scan(); n++ {
			url, sum, _ := strings.Cut(lines.Text(), " ")
			answered[url] = sum
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it could still say
			if url, sum, ok := strings.Cut(lines.Text(), " "); ok && len(sum) == 64 {
				answered[url] = sum
			}
		}
		if err := child.Wait(); err == nil {
			t.Fatal("it ended by itself")
		}
	}

	// Two hours later, so that what was under way counts as dead.
	service, s, err := openReal(t.Context(), dir, files.Options{Clock: func() time.Time { return time.Now().Add(2 * time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for url, sum := range answered {
		id, name, _ := strings.Cut(strings.TrimPrefix(url, files.Prefix), "/")
		c, err := service.Open(t.Context(), user("ada"), files.OpenRequest{ID: id, Name: name})
		if err != nil {
			t.Fatalf("%s was answered and is gone: %v", url, err)
		}
		r, err := c.Read(t.Context(), 0, -1)
		if err != nil {
			t.Fatalf("%s was answered and its bytes are gone: %v", url, describe(err))
		}
		got := sha256.New()
		n, err := io.Copy(got, r)
		r.Close()
		if err != nil || n != c.Size || fmt.Sprintf("%x", got.Sum(nil)) != sum {
			t.Errorf("%s came back as something else: %d bytes of %d (%v)", url, n, c.Size, err)
		}
	}
	removed, err := service.Clean(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list, err := service.List(t.Context(), user("ada"), files.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	// What is on disk is what is known, and the quota counts just that.
	var bytesOnDisk int64
	err = filepath.Walk(filepath.Join(dir, "files"), func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			bytesOnDisk += info.Size()
			if strings.HasSuffix(path, ".tmp") {
				t.Errorf("left: %s", path)
			}
		}
		return err
	})
	if err != nil || bytesOnDisk != list.Used {
		t.Errorf("%d bytes on disk, %d known (%v)", bytesOnDisk, list.Used, err)
	}
	t.Logf("%d files were answered in 4 rounds and are whole; %d halves were cleaned away", len(answered), removed)
}
