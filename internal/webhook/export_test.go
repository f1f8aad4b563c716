package webhook

// Occupy takes one of the client's places until release is called.
func (c *Client) Occupy() (release func()) {
	c.places <- struct{}{}
	return func() { <-c.places }
}
