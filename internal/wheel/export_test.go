package wheel

// Armed tells whether the node is in a wheel.
func (n *Node[T]) Armed() bool { return n.slot != 0 }

// Len is the number of armed items.
func (w *Wheel[T]) Len() (n int) {
	w.Each(func(*T) { n++ })
	return n
}
