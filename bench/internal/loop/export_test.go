package loop

// Kept is the number of bytes that the socket did not take yet.
func Kept(c *Conn) int { return len(c.out) }
