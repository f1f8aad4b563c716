package gateway

// AllOnline is every user that is online here, in ascending order; 429 when there
// are more than most. It is what chat.NewPushGroups needs to put them in a group.
func (g *Gateway) AllOnline(most int) ([]string, error) {
	users, err := g.hub.AllOnline(most)
	return users, groupError(err)
}
