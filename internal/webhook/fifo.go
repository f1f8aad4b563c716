package webhook

// fifo is a slice that is taken from at its front. What was taken is let go at
// once, and the space when the slice grows next.
type fifo[T any] struct{ all []T }

func (f *fifo[T]) len() int { return len(f.all) }
func (f *fifo[T]) push(v T) { f.all = append(f.all, v) }

// pop panics when there is nothing.
func (f *fifo[T]) pop() T {
	var none T
	v := f.all[0]
	f.all[0] = none
	f.all = f.all[1:]
	if len(f.all) == 0 {
		f.all = nil
	}
	return v
}
