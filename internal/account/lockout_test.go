package account_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
)

// guess tries a wrong password and tells the code and how long to wait.
func (n *node) guess(from account.Identity, user, device string) (int, time.Duration) {
	n.t.Helper()
	_, err := n.Login(n.t.Context(), from, account.LoginRequest{User: user, Password: "wrong horse", Device: device})
	e := codec.AsError(err)
	if e == nil {
		n.t.Fatal("a wrong password was taken")
	}
	if e.Code == 429 && (e.RetryAfter <= 0 || !e.Temporary) {
		n.t.Errorf("429 without a time: %+v", e)
	}
	return e.Code, e.RetryAfter
}

func from(address string) account.Identity {
	return account.Identity{Address: netip.MustParseAddr(address)}
}

// TestThousandGuesses from one address: few are looked at, whether one after
// another or at once, and others are not kept out by it.
func TestThousandGuesses(t *testing.T) {
	for _, parallel := range []int{1, 8} {
		t.Run(fmt.Sprint(parallel), func(t *testing.T) {
			n := start(t, account.Options{})
			n.user("alice")
			n.login(home, "alice", "")
			var mu sync.Mutex
			codes := map[int]int{}
			var wg sync.WaitGroup
			for range parallel {
				wg.Go(func() {
					for range 1000 / parallel {
						c, _ := n.guess(away, "alice", "")
						mu.Lock()
						codes[c]++
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			if codes[401] != 10 || codes[429] != 990 {
				t.Errorf("%v, want 10 looked at", codes)
			}
			n.login(home, "alice", "") // a known address
			n.login(from("203.0.113.9"), "alice", "")
			_, err := n.Login(t.Context(), away, account.LoginRequest{User: "alice", Password: password})
			wantCode(t, "the right one from there", err, 429, "too many")
		})
	}
}

// TestWaitsGrow up to a bound, and end.
func TestWaitsGrow(t *testing.T) {
	n := start(t, account.Options{})
	n.user("alice")
	var waits []time.Duration
	for guesses := 0; guesses < 23; {
		switch c, wait := n.guess(away, "alice", ""); c {
		case 401:
			guesses++
		case 429:
			waits = append(waits, wait)
			n.clock.add(wait)
		}
	}
	for i, wait := range waits {
		if want := min(time.Second<<i, 15*time.Minute); wait != want {
			t.Errorf("wait %d is %v, want %v", i, wait, want)
		}
	}
	if len(waits) != 13 {
		t.Errorf("%d waits", len(waits))
	}
	n.clock.add(15 * time.Minute)
	n.login(away, "alice", "")
	for range 10 {
		if c, _ := n.guess(away, "alice", ""); c != 401 {
			t.Error("a right password doesn't wipe the slate:", c)
		}
	}
	n.clock.add(16 * time.Minute)
	for range 10 {
		if c, _ := n.guess(away, "alice", ""); c != 401 {
			t.Error("time doesn't wipe the slate:", c)
		}
	}
}

// TestManyAddresses guess one user's password: strangers' tries are slowed to one
// in ten seconds, and the user still comes in, from a known address or with a known
// device.
func TestManyAddresses(t *testing.T) {
	n := start(t, account.Options{})
	n.user("alice")
	n.login(home, "alice", "d2f1c0de-a-device")
	codes := map[int]int{}
	attack := func() {
		for i := range 1000 {
			c, wait := n.guess(account.Identity{Address: netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})}, "alice", "")
			codes[c]++
			if wait > 10*time.Second {
				t.Fatalf("a wait of %v", wait)
			}
		}
	}
	attack()
	if codes[401] != 20 {
		t.Errorf("%v, want 20 looked at", codes)
	}
	n.login(home, "alice", "")
	n.login(from("203.0.113.9"), "alice", "d2f1c0de-a-device")
	if c, _ := n.guess(from("203.0.113.10"), "alice", "another"); c != 429 {
		t.Error("a device that was never there:", c)
	}
	// A stranger's turn comes: the wait doesn't grow.
	for range 6 {
		attack()
		n.clock.add(10 * time.Second)
	}
	if codes[401] < 24 || codes[401] > 27 {
		t.Errorf("%v after a minute, want about 26 looked at", codes)
	}
	n.login(from("203.0.113.9"), "alice", "")
}

// TestSameAddress: somebody with the same address can lock the pair, but not the
// user's device.
func TestSameAddress(t *testing.T) {
	n := start(t, account.Options{})
	n.user("alice")
	n.login(home, "alice", "d2f1c0de-a-device")
	for range 50 {
		n.guess(home, "alice", "")
	}
	_, err := n.Login(t.Context(), home, account.LoginRequest{User: "alice", Password: password})
	wantCode(t, "without a device", err, 429, "")
	n.login(home, "alice", "d2f1c0de-a-device")
	for i := range 200 { // the whole address is slow then
		n.guess(home, fmt.Sprint("user", i), "")
	}
	_, err = n.Login(t.Context(), home, account.LoginRequest{User: "bob", Password: password})
	wantCode(t, "another user", err, 429, "")
	n.login(home, "alice", "d2f1c0de-a-device")
	// Whoever knows the device's name is slowed like anybody.
	codes := map[int]int{}
	for range 50 {
		c, _ := n.guess(home, "alice", "d2f1c0de-a-device")
		codes[c]++
	}
	if codes[401] > 10 {
		t.Errorf("%v", codes)
	}
}

// TestManyUsers are tried from one address, or from one network of IPv6.
func TestManyUsers(t *testing.T) {
	n := start(t, account.Options{})
	n.user("alice")
	for name, address := range map[string]func(i int) netip.Addr{
		"IPv4":   func(int) netip.Addr { return away.Address },
		"mapped": func(int) netip.Addr { return netip.MustParseAddr("::ffff:198.51.100.8") },
		"IPv6":   func(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("2001:db8:1:2::%x", i)) },
	} {
		codes := map[int]int{}
		for i := range 500 {
			c, wait := n.guess(account.Identity{Address: address(i)}, fmt.Sprint("user", i), "")
			codes[c]++
			if wait > 3*time.Second {
				t.Fatalf("%s: a wait of %v", name, wait)
			}
		}
		if codes[401] != 100 {
			t.Errorf("%s: %v, want 100 looked at", name, codes)
		}
	}
	n.login(home, "alice", "")
}

// TestRightPasswordsAreFree: an office behind one address logs in as often as it likes.
func TestRightPasswordsAreFree(t *testing.T) {
	n := start(t, account.Options{MaxDevices: 1000})
	n.user("alice")
	for range 250 {
		n.login(home, "alice", "")
	}
}

func TestLockoutMemory(t *testing.T) {
	n := start(t, account.Options{Lockout: account.LockoutOptions{Entries: 64, AddressBurst: 1 << 20, UserBurst: 1 << 20}})
	for i := range 2000 {
		n.guess(account.Identity{Address: netip.AddrFrom4([4]byte{10, 2, byte(i >> 8), byte(i)})}, fmt.Sprint("user", i), "")
	}
	if e := n.LockoutEntries(); e > 3*64 {
		t.Errorf("%d entries", e)
	}
}
