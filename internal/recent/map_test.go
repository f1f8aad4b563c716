package recent_test

import (
	"testing"

	"pushd/internal/recent"
)

func TestPutGetDelete(t *testing.T) {
	m := recent.New[string, int](10)
	if _, ok := m.Get("a"); ok {
		t.Error("a is there before it was put")
	}
	m.Put("a", 1)
	m.Put("a", 2)
	if v, ok := m.Get("a"); !ok || v != 2 || m.Len() != 1 {
		t.Errorf("a is %d, %t, of %d entries", v, ok, m.Len())
	}
	m.Delete("a")
	m.Delete("b")
	if _, ok := m.Get("a"); ok || m.Len() != 0 {
		t.Errorf("a is still there, one of %d entries", m.Len())
	}
}

func TestBound(t *testing.T) {
	for _, bound := range []int{0, 1, 2, 3, 10, 64} {
		m := recent.New[int, int](bound)
		for i := range 1000 {
			m.Put(i, i)
			if m.Len() > max(bound, 2) {
				t.Fatalf("%d entries with a bound of %d", m.Len(), bound)
			}
			for j := max(0, i-bound/2+1); j <= i; j++ {
				if v, ok := m.Get(j); !ok || v != j {
					t.Fatalf("bound %d: %d is forgotten after %d", bound, j, i)
				}
			}
		}
	}
}

func TestUseKeepsAnEntry(t *testing.T) {
	m := recent.New[string, int](4)
	m.Put("used", 0)
	m.Put("unused", 0)
	for i := range 100 {
		if _, ok := m.Get("used"); !ok {
			t.Fatalf("an entry that is used all the time is forgotten at %d", i)
		}
		m.Put(string(rune('a'+i%26)), i)
	}
	if _, ok := m.Get("unused"); ok {
		t.Error("an entry that nobody uses is remembered")
	}
}

func TestDeletedInThePreviousGeneration(t *testing.T) {
	m := recent.New[int, int](4)
	for i := range 3 { // 0 and 1 are the previous generation then
		m.Put(i, i)
	}
	m.Delete(0)
	m.Put(1, 10)
	if _, ok := m.Get(0); ok {
		t.Error("0 is still there")
	}
	if v, _ := m.Get(1); v != 10 || m.Len() != 2 {
		t.Errorf("1 is %d, of %d entries", v, m.Len())
	}
}
