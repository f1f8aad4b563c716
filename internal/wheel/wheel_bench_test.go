package wheel_test

import (
	"testing"

	"pushd/internal/wheel"
)

// BenchmarkArm moves the deadlines of 100,000 items, as heartbeats do.
func BenchmarkArm(b *testing.B) {
	w := wheel.New(node, func(*item) {})
	items := make([]item, 100_000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.Arm(&items[i%len(items)], uint32(i%400))
	}
}
