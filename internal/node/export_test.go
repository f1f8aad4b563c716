package node

// Queued is how many bytes of deliveries wait for their loops.
func (n *Node) Queued() int { return n.hub.Stats().QueuedBytes }

// Block stops the event loops until release is called.
func (n *Node) Block() (release func()) {
	wait := make(chan struct{})
	for i := range n.server.Len() {
		blocked := make(chan struct{})
		n.server.Loop(i).Complete(func() {
			close(blocked)
			<-wait
		})
		<-blocked
	}
	return func() { close(wait) }
}
