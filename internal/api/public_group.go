package api

import "pushd/internal/chat"

// groupRoutes is what users reach of groups and friends.
func groupRoutes(s *chat.Service) []route {
	return []route{}
}
