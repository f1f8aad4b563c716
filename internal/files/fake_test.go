package files_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/files"
	"pushd/internal/store/storetest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(uploadForever(dir))
	}
	goleak.VerifyTestMain(m)
}

type row struct {
	files.File
	state int // 0 uploading, 1 whole, 2 condemned
}

// memory is a Store that keeps everything in maps, and passes the suite of package
// storetest. members are those of a conversation.
type memory struct {
	mu      sync.Mutex
	rows    map[string]*row
	used    map[string]int64
	links   map[string]map[string]bool
	members map[string][]string
	fail    map[string]error // by method
}

func newMemory() *memory {
	return &memory{rows: map[string]*row{}, used: map[string]int64{}, links: map[string]map[string]bool{}, members: map[string][]string{}, fail: map[string]error{}}
}

func (m *memory) lock(method string) (func(), error) {
	m.mu.Lock()
	return m.mu.Unlock, m.fail[method]
}

func (m *memory) CreateFile(_ context.Context, f files.File, quota int64) error {
	unlock, err := m.lock("CreateFile")
	defer unlock()
	if err != nil {
		return err
	}
	if m.used[f.Owner]+f.Size > quota {
		return codec.Errorf(codec.CodeTooMany, "over the quota of %d bytes", quota)
	}
	m.used[f.Owner] += f.Size
	m.rows[f.ID] = &row{File: f}
	return nil
}

func (m *memory) FinishFile(_ context.Context, f files.File, conv string) error {
	unlock, err := m.lock("FinishFile")
	defer unlock()
	if err != nil {
		return err
	}
	r := m.rows[f.ID]
	if r == nil || r.state != 0 {
		return codec.Errorf(codec.CodeConflict, "given up")
	}
	m.used[f.Owner] += f.Size - r.Size
	*r = row{File: f, state: 1}
	m.links[f.ID] = map[string]bool{}
	if conv != "" {
		m.links[f.ID][conv] = true
	}
	return nil
}

func (m *memory) CondemnFile(_ context.Context, id string) error {
	unlock, err := m.lock("CondemnFile")
	defer unlock()
	if r := m.rows[id]; r != nil && err == nil {
		r.state = 2
	}
	return err
}

func (m *memory) CondemnStale(_ context.Context, uploading, unattached int64, limit int) (ids []string, _ error) {
	unlock, err := m.lock("CondemnStale")
	defer unlock()
	if err != nil {
		return nil, err
	}
	oldest := slices.SortedFunc(maps.Values(m.rows), func(a, b *row) int { return cmp.Compare(a.Created, b.Created) })
	for _, r := range oldest {
		stale := r.state == 2 || r.state == 0 && r.Created < uploading || r.state == 1 && !r.Attached && r.Created < unattached
		if stale && len(ids) < limit {
			r.state = 2
			ids = append(ids, r.ID)
		}
	}
	return ids, nil
}

func (m *memory) ForgetFile(_ context.Context, id string) error {
	unlock, err := m.lock("ForgetFile")
	defer unlock()
	if r := m.rows[id]; r != nil && r.state == 2 && err == nil {
		m.used[r.Owner] -= r.Size
		delete(m.rows, id)
		delete(m.links, id)
	}
	return err
}

func (m *memory) File(_ context.Context, id string) (files.File, error) {
	unlock, err := m.lock("File")
	defer unlock()
	if err != nil {
		return files.File{}, err
	}
	if r := m.rows[id]; r != nil && r.state == 1 {
		return r.File, nil
	}
	return files.File{}, codec.Errorf(codec.CodeNotFound, "no file")
}

func (m *memory) ReadableFile(ctx context.Context, id, user, notices string) (files.File, bool, error) {
	f, err := m.File(ctx, id)
	m.mu.Lock()
	defer m.mu.Unlock()
	may := f.Owner == user
	for conv := range m.links[id] {
		may = may || conv == notices || conv == "b:all" || slices.Contains(m.members[conv], user)
	}
	return f, may, err
}

func (m *memory) AttachFiles(_ context.Context, ids []string, conv string) error {
	unlock, err := m.lock("AttachFiles")
	defer unlock()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if r := m.rows[id]; r == nil || r.state != 1 {
			return codec.Errorf(codec.CodeNotFound, "no file")
		}
	}
	for _, id := range ids {
		m.rows[id].Attached = true
		m.links[id][conv] = true
	}
	return nil
}

func (m *memory) FileLinks(_ context.Context, id string, limit int) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := slices.Sorted(maps.Keys(m.links[id]))
	return all[:min(limit, len(all))], nil
}

func (m *memory) FilesOf(_ context.Context, user string, limit int, cursor string) (page []files.File, next string, used int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if cursor != "" && m.rows[cursor] == nil {
		return nil, "", 0, codec.Errorf(codec.CodeMalformed, "no cursor")
	}
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(m.rows))) {
		if r := m.rows[id]; r.Owner == user && r.state == 1 && (cursor == "" || id < cursor) {
			if len(page) == limit {
				return page, page[limit-1].ID, m.used[user], nil
			}
			page = append(page, r.File)
		}
	}
	return page, "", m.used[user], nil
}

func (m *memory) InConversation(_ context.Context, user, conv string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.members[conv], user), nil
}

func TestMemory(t *testing.T) {
	storetest.Files(t, func(*testing.T) storetest.FileSetup {
		m := newMemory()
		return storetest.FileSetup{Store: m, MakeGroup: func(_ *testing.T, id string, members ...string) { m.members["g:"+id] = members }}
	})
}

// bench is a service on a directory of its own.
type bench struct {
	*testing.T
	*files.Service
	store *memory
	dir   string
	now   time.Time
}

var testKey = bytes.Repeat([]byte("k"), 32)

func newBench(t *testing.T, change ...func(*files.Options)) *bench {
	t.Helper()
	b := &bench{T: t, store: newMemory(), dir: filepath.Join(t.TempDir(), "files"), now: time.UnixMilli(1_790_000_000_000)}
	bucket, err := files.Open(t.Context(), "file://"+b.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bucket.Close(); err != nil {
			t.Error(err)
		}
	})
	b.start(bucket, change...)
	return b
}

func (b *bench) start(bucket *files.Bucket, change ...func(*files.Options)) {
	o := files.Options{Key: testKey, Clock: func() time.Time { return b.now }}
	for _, c := range change {
		c(&o)
	}
	b.Service = files.New(b.store, bucket, o)
}

func user(name string) account.Identity { return account.Identity{User: name} }

// upload stores content for ada.
func (b *bench) upload(name, declared string, content []byte) files.UploadReply {
	b.Helper()
	reply, err := b.Upload(b.Context(), user("ada"), files.UploadRequest{Name: name, Type: declared, Size: int64(len(content)), Body: bytes.NewReader(content)})
	if err != nil {
		b.Fatalf("upload %s: %v", name, describe(err))
	}
	return reply
}

// stored reads all of a file's bytes back, or of its thumbnail's.
func (b *bench) stored(reply files.UploadReply, thumb bool) ([]byte, files.Content) {
	b.Helper()
	c, err := b.Open(b.Context(), user("ada"), files.OpenRequest{ID: reply.ID, Name: reply.Name, Thumb: thumb})
	if err != nil {
		b.Fatal(describe(err))
	}
	r, err := c.Read(b.Context(), 0, -1)
	if err != nil {
		b.Fatal(describe(err))
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil || int64(len(content)) != c.Size {
		b.Fatalf("read %d bytes of %d: %v", len(content), c.Size, err)
	}
	return content, c
}

// onDisk are the paths of what is stored.
func (b *bench) onDisk() (paths []string) {
	b.Helper()
	err := filepath.WalkDir(b.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return paths
}

// nothingLeft checks that an upload that failed left neither bytes, nor a row,
// nor a dent in the quota.
func (b *bench) nothingLeft() {
	b.Helper()
	if paths := b.onDisk(); len(paths) > 0 {
		b.Errorf("left on disk: %v", paths)
	}
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	if len(b.store.rows) > 0 || b.store.used["ada"] != 0 {
		b.Errorf("left in the store: %v, %d bytes used", b.store.rows, b.store.used["ada"])
	}
}

func wantCode(t *testing.T, what string, err error, want int) {
	t.Helper()
	got := 0
	if err != nil {
		got = codec.AsError(err).Code
	}
	if got != want {
		t.Fatalf("%s: %s, want code %d", what, describe(err), want)
	}
}

func describe(err error) string {
	if err == nil {
		return "no error"
	}
	if e := codec.AsError(err); e.Cause != nil {
		return e.Error() + " (" + e.Cause.Error() + ")"
	}
	return err.Error()
}

// painting has four quarters of different colours, so that it shows when it is
// turned; alpha makes one of them see-through.
func painting(w, h int, alpha bool) *image.NRGBA {
	p := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.NRGBA{R: 20, G: 20, B: 20, A: 255}
			switch {
			case x < w/2 && y < h/2:
				c.R = 250
			case y < h/2:
				c.G = 250
			case x < w/2:
				c.B = 250
			case alpha:
				c.A = 0
			}
			p.SetNRGBA(x, y, c)
		}
	}
	return p
}

func encoded(t *testing.T, kind string, p image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch kind {
	case "image/png":
		err = png.Encode(&b, p)
	case "image/jpeg":
		err = jpeg.Encode(&b, p, nil)
	case "image/gif":
		err = gif.Encode(&b, p, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// wave is a WAV file of so many milliseconds of noise: mono, 8 bits, 8 kHz.
func wave(ms int) []byte {
	n := ms * 8
	samples := make([]byte, n)
	_, _ = rand.Read(samples)
	head := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00" +
		"LIST\x04\x00\x00\x00INFOdata")
	head = append(head, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	return append(head, samples...)
}

func testdata(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
