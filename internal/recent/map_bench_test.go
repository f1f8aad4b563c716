package recent_test

import (
	"testing"

	"pushd/internal/recent"
)

func BenchmarkMap(b *testing.B) {
	b.Run("known", func(b *testing.B) {
		m := recent.New[uint64, int64](1 << 17)
		for i := range uint64(1 << 16) {
			m.Put(i, 0)
		}
		b.ReportAllocs()
		for i := uint64(0); b.Loop(); i++ {
			m.Get(i & (1<<16 - 1))
		}
	})
	b.Run("new", func(b *testing.B) {
		m := recent.New[uint64, int64](1 << 17)
		b.ReportAllocs()
		for i := uint64(0); b.Loop(); i++ {
			m.Put(i, 0)
		}
	})
}
