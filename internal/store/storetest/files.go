package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"pushd/internal/chat"
	"pushd/internal/codec"
	"pushd/internal/files"
)

// FileSetup is a files.Store and what its cases need around it.
type FileSetup struct {
	Store files.Store
	// MakeGroup makes a group of these users, whose conversation is g: and its id.
	MakeGroup func(t *testing.T, id string, members ...string)
}

// fileBench is a store and what makes files for it.
type fileBench struct {
	*testing.T
	s         files.Store
	makeGroup func(t *testing.T, id string, members ...string)
	n         int
}

func (b *fileBench) code(what string, err error, want int) {
	b.Helper()
	got := 0
	if err != nil {
		got = codec.AsError(err).Code
	}
	if got != want {
		b.Fatalf("%s: %v, want code %d", what, err, want)
	}
}

// create records an upload; ids ascend.
func (b *fileBench) create(owner string, size int64) files.File {
	b.Helper()
	b.n++
	f := files.File{
		ID: fmt.Sprintf("01JFILE%019d", b.n), Owner: owner, Name: "naïve \"name\".png", Type: "image/png",
		Size: size, Created: int64(1000 * b.n),
	}
	b.code("create", b.s.CreateFile(b.Context(), f, 1000), 0)
	return f
}

func (b *fileBench) finish(f files.File, conv string) files.File {
	b.Helper()
	b.code("finish", b.s.FinishFile(b.Context(), f, conv), 0)
	return f
}

func (b *fileBench) used(user string, want int64) {
	b.Helper()
	if _, _, used, err := b.s.FilesOf(b.Context(), user, 1, ""); err != nil || used != want {
		b.Fatalf("%s uses %d bytes (%v), want %d", user, used, err, want)
	}
}

func (b *fileBench) may(id, user string, want bool) {
	b.Helper()
	_, may, err := b.s.ReadableFile(b.Context(), id, user, "n:"+user)
	if err != nil || may != want {
		b.Fatalf("%s may read: %v (%v), want %v", user, may, err, want)
	}
}

// Files is the suite of files.Store: open gives each case an empty store.
func Files(t *testing.T, open func(t *testing.T) FileSetup) {
	for _, c := range []struct {
		name string
		run  func(*fileBench)
	}{
		{"an upload from first to last", uploadedFile},
		{"a quota holds against many at once", quotaOfFiles},
		{"who may read", readableFiles},
		{"lists come in pages", listedFiles},
		{"what is loose is condemned", staleFiles},
	} {
		t.Run(c.name, func(t *testing.T) {
			setup := open(t)
			c.run(&fileBench{T: t, s: setup.Store, makeGroup: setup.MakeGroup})
		})
	}
}

func uploadedFile(b *fileBench) {
	ctx := b.Context()
	f := b.create("up-ada", 500)
	b.used("up-ada", 500)
	_, err := b.s.File(ctx, f.ID)
	b.code("a file under way", err, codec.CodeNotFound)
	_, _, err = b.s.ReadableFile(ctx, f.ID, "up-ada", "n:up-ada")
	b.code("a file under way", err, codec.CodeNotFound)
	b.code("attach a file under way", b.s.AttachFiles(ctx, []string{f.ID}, "g:x"), codec.CodeNotFound)

	f.Size, f.Width, f.Height, f.Duration, f.Thumb = 123, 640, 480, 1500, "image/jpeg"
	b.finish(f, "")
	b.used("up-ada", 123)
	if got, err := b.s.File(ctx, f.ID); err != nil || got != f {
		b.Fatalf("got %+v (%v), want %+v", got, err, f)
	}
	b.code("finish again", b.s.FinishFile(ctx, f, ""), codec.CodeConflict)
	b.used("up-ada", 123)

	b.code("attach", b.s.AttachFiles(ctx, []string{f.ID}, "g:x"), 0)
	b.code("attach again", b.s.AttachFiles(ctx, []string{f.ID, f.ID}, "g:x"), 0)
	b.code("attach elsewhere", b.s.AttachFiles(ctx, []string{f.ID}, "g:a"), 0)
	if got, _ := b.s.File(ctx, f.ID); !got.Attached {
		b.Fatal("it is not attached")
	}
	if links, err := b.s.FileLinks(ctx, f.ID, 10); err != nil || !slices.Equal(links, []string{"g:a", "g:x"}) {
		b.Fatalf("links %v (%v)", links, err)
	}
	b.code("attach one of two that isn't there", b.s.AttachFiles(ctx, []string{f.ID, "01JNONE0000000000000000000"},
		"g:y"), codec.CodeNotFound)
	if links, _ := b.s.FileLinks(ctx, f.ID, 10); len(links) != 2 {
		b.Fatalf("an attach that failed left %v", links)
	}

	b.code("forget what isn't condemned", b.s.ForgetFile(ctx, f.ID), 0)
	b.used("up-ada", 123)
	b.code("condemn", b.s.CondemnFile(ctx, f.ID), 0)
	b.code("condemn again", b.s.CondemnFile(ctx, f.ID), 0)
	_, err = b.s.File(ctx, f.ID)
	b.code("a condemned file", err, codec.CodeNotFound)
	b.used("up-ada", 123)
	b.code("forget", b.s.ForgetFile(ctx, f.ID), 0)
	b.code("forget again", b.s.ForgetFile(ctx, f.ID), 0)
	b.used("up-ada", 0)
	if links, _ := b.s.FileLinks(ctx, f.ID, 10); len(links) != 0 {
		b.Fatalf("a forgotten file left %v", links)
	}
}

func quotaOfFiles(b *fileBench) {
	b.code("more than the quota alone", b.s.CreateFile(b.Context(), files.File{
		ID:    "01JQUOTA000000000000000000",
		Owner: "q-ada", Size: 1001,
	}, 1000), codec.CodeTooMany)
	var wg sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		wg.Go(func() {
			f := files.File{
				ID: fmt.Sprintf("01JQUOTA00000000000000%04d", i), Owner: "q-ada", Name: "x.txt",
				Type: "text/plain", Size: 100, Created: 1 << 40,
			}
			errs[i] = b.s.CreateFile(context.WithoutCancel(b.Context()), f, 1000)
		})
	}
	wg.Wait()
	taken := 0
	for _, err := range errs {
		if err == nil {
			taken++
		} else if codec.AsError(err).Code != codec.CodeTooMany {
			b.Fatal(err)
		}
	}
	if taken != 10 {
		b.Fatalf("%d uploads of 100 bytes got into a quota of 1,000", taken)
	}
	b.used("q-ada", 1000)
}

func readableFiles(b *fileBench) {
	ctx := b.Context()
	b.makeGroup(b.T, "f-readers", "r-ada", "r-bob")
	f := b.finish(b.create("r-ada", 10), "")
	b.may(f.ID, "r-ada", true)
	b.may(f.ID, "r-bob", false)
	b.code("attach", b.s.AttachFiles(ctx, []string{f.ID}, "g:f-readers"), 0)
	b.may(f.ID, "r-bob", true)
	b.may(f.ID, "r-eve", false)
	b.code("attach to notices", b.s.AttachFiles(ctx, []string{f.ID}, "n:r-eve"), 0)
	b.may(f.ID, "r-eve", true)
	b.may(f.ID, "r-mal", false)
	b.code("attach to a broadcast", b.s.AttachFiles(ctx, []string{f.ID}, chat.Everyone), 0)
	b.may(f.ID, "r-mal", true)
	g := b.finish(b.create("r-ada", 10), "g:f-readers")
	b.may(g.ID, "r-bob", true)
	if got, _ := b.s.File(ctx, g.ID); got.Attached {
		b.Fatal("a link at the upload counts as a message")
	}
	for user, want := range map[string]bool{"r-ada": true, "r-bob": true, "r-eve": false} {
		if in, err := b.s.InConversation(ctx, user, "g:f-readers"); err != nil || in != want {
			b.Fatalf("%s is in: %v (%v)", user, in, err)
		}
	}
	if in, err := b.s.InConversation(ctx, "r-ada", "g:none"); err != nil || in {
		b.Fatalf("in a conversation that isn't there: %v (%v)", in, err)
	}
}

func listedFiles(b *fileBench) {
	var want, got []string
	for range 5 {
		want = append(want, b.finish(b.create("l-ada", 1), "").ID)
	}
	b.create("l-ada", 1) // under way
	slices.Reverse(want)
	for cursor, first := "", true; first || cursor != ""; first = false {
		page, next, used, err := b.s.FilesOf(b.Context(), "l-ada", 2, cursor)
		if err != nil || used != 6 || len(page) > 2 {
			b.Fatalf("page %v, %d used (%v)", page, used, err)
		}
		for _, f := range page {
			got = append(got, f.ID)
		}
		cursor = next
	}
	if !slices.Equal(got, want) {
		b.Fatalf("listed %v, want %v", got, want)
	}
	_, _, _, err := b.s.FilesOf(b.Context(), "l-ada", 2, "nonsense")
	b.code("a cursor that doesn't parse", err, codec.CodeMalformed)
	if page, next, used, err := b.s.FilesOf(b.Context(), "l-nobody", 2, ""); err != nil || len(page) != 0 ||
		next != "" || used != 0 {
		b.Fatalf("nobody has %v, %d used (%v)", page, used, err)
	}
}

func staleFiles(b *fileBench) {
	ctx := b.Context()
	uploading, loose, sent := b.create("s-ada", 1), b.finish(b.create("s-ada", 1), ""), b.finish(b.create("s-ada", 1), "")
	b.code("attach", b.s.AttachFiles(ctx, []string{sent.ID}, "g:s"), 0)
	if ids, err := b.s.CondemnStale(ctx, 1000, 2000, 10); err != nil || len(ids) != 0 {
		b.Fatalf("condemned %v too early (%v)", ids, err)
	}
	ids, err := b.s.CondemnStale(ctx, 1001, 2001, 1)
	if err != nil || !slices.Equal(ids, []string{uploading.ID}) {
		b.Fatalf("condemned %v (%v), want the oldest alone", ids, err)
	}
	ids, err = b.s.CondemnStale(ctx, 1001, 5000, 10)
	if err != nil || !slices.Equal(ids, []string{uploading.ID, loose.ID}) {
		b.Fatalf("condemned %v (%v)", ids, err)
	}
	b.code("attach a condemned file", b.s.AttachFiles(ctx, []string{loose.ID}, "g:s"), codec.CodeNotFound)
	b.code("finish a condemned file", b.s.FinishFile(ctx, uploading, ""), codec.CodeConflict)
	for _, id := range ids {
		b.code("forget", b.s.ForgetFile(ctx, id), 0)
	}
	if ids, err := b.s.CondemnStale(ctx, 1001, 5000, 10); err != nil || len(ids) != 0 {
		b.Fatalf("condemned %v again (%v)", ids, err)
	}
	b.used("s-ada", 1)
	b.code("condemn", b.s.CondemnFile(ctx, sent.ID), 0)
	if ids, err := b.s.CondemnStale(ctx, 0, 0, 10); err != nil || !slices.Equal(ids, []string{sent.ID}) {
		b.Fatalf("a file that was sent and then deleted: %v (%v)", ids, err)
	}
	b.code("forget", b.s.ForgetFile(ctx, sent.ID), 0)
}
