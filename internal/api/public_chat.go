package api

import "pushd/internal/chat"

// chatRoutes is what users reach of conversations and messages.
func chatRoutes(s *chat.Service) []route {
	return []route{}
}
