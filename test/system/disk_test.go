package system

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pushd/internal/testwait"
)

// TestAFullDisk fills the file system that the database is on: sends are answered
// 503, what is there can be read, what needs no database goes on, and with room
// again sends work without a restart.
func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=12m,mode=0700"); err != nil {
		t.Fatalf("mount a small file system, which needs root: %v", err)
	}
	s := dev(t, "--store", "sqlite:"+filepath.Join(dir, "full.db"), "--rate.messages", "0")
	t.Cleanup(func() {
		s.Stop(t)
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	alice, bob := s.login("alice", "web"), s.login("bob", "web")
	alice.ok("chat", "Send", `{"to":"user:bob","type":"text","text":"before"}`)

	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	long := strings.Repeat("x", 8<<10)
	refused, stored := 0, 1
	for range 2000 {
		f := alice.call("chat", "Send", `{"to":"user:bob","type":"text","text":"`+long+`"}`)
		if *f.Code == 0 {
			stored++ // what the files had room for
			continue
		}
		if *f.Code != 503 {
			t.Fatalf("a full disk: %d %s", *f.Code, f.Msg)
		}
		if strings.Contains(f.Msg, "full.db") || strings.Contains(strings.ToLower(f.Msg), "sqlite") {
			t.Errorf("the client is told of the server's insides: %s", f.Msg)
		}
		if refused++; refused == 10 {
			break
		}
	}
	if refused == 0 {
		t.Fatal("the disk didn't fill")
	}
	page := bob.ok("chat", "History", `{"to":"user:alice"}`)
	if n := len(page["messages"].([]any)); n == 0 {
		t.Error("nothing can be read")
	}
	if r := s.push("bob", `{"still":"pushed"}`); r.Sessions != 1 {
		t.Errorf("a push that needs no database: %+v", r)
	}
	alice.ok("robot", "Ping", "")

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	testwait.Equal(t, "the code of a reply to a message", 0, func() int {
		return *alice.call("chat", "Send", `{"to":"user:bob","type":"text","text":"after","client_id":"after"}`).Code
	})
	head := alice.ok("chat", "History", `{"to":"user:bob","limit":1}`)
	last := head["messages"].([]any)[0].(map[string]any)
	if last["text"] != "after" || int(last["seq"].(float64)) != stored+1 {
		t.Errorf("%v after %d messages", last, stored)
	}
	s.consistent()
}

// fill writes until there is no room.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); ; {
		if _, err := f.Write(block); err != nil {
			if errors.Is(err, syscall.ENOSPC) {
				return
			}
			t.Fatal(fmt.Errorf("fill the disk: %w", err))
		}
	}
}
