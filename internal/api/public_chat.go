package api

import "pushd/internal/chat"

// chatRoutes is what users reach of conversations and messages.
func chatRoutes(s *chat.Service) []route {
	return []route{
		{method: "GET", path: "/api/v1/conversations", handle: call(bound, s.Conversations)},
		{method: "DELETE", path: "/api/v1/conversations/{conv}", handle: call(bound, s.Hide)},
		{method: "GET", path: "/api/v1/conversations/{conv}/messages", handle: call(bound, s.History)},
		{method: "POST", path: "/api/v1/conversations/{conv}/messages", handle: call(bound, s.Send)},
		{method: "POST", path: "/api/v1/conversations/{conv}/messages/delete", handle: call(bound, s.Delete)},
		{method: "POST", path: "/api/v1/conversations/{conv}/read", handle: call(bound, s.Read)},
		{method: "POST", path: "/api/v1/conversations/{conv}/delivered", handle: call(bound, s.Delivered)},
		{method: "POST", path: "/api/v1/conversations/{conv}/typing", handle: call(bound, s.Typing)},
		{method: "GET", path: "/api/v1/conversations/{conv}/readers", handle: call(bound, s.Readers)},

		{method: "POST", path: "/api/v1/messages", handle: call(bound, s.Send)},
		{method: "PATCH", path: "/api/v1/messages/{id}", handle: call(bound, s.Edit)},
		{method: "DELETE", path: "/api/v1/messages/{id}", handle: call(bound, s.Recall)},
		{method: "GET", path: "/api/v1/messages/{id}/versions", handle: call(bound, s.Versions)},
		{method: "POST", path: "/api/v1/messages/{id}/reactions", handle: call(bound, s.React)},

		{method: "POST", path: "/api/v1/sync", handle: call(bound, s.Sync)},
		{method: "GET", path: "/api/v1/search", handle: call(bound, s.Search)},
	}
}

// chatAdminRoutes is what backends reach of them.
func chatAdminRoutes(s *chat.Service) []route {
	return []route{
		{method: "POST", path: "/api/messages", handle: call(body, s.SendAs), logged: true},
		{method: "DELETE", path: "/api/messages/{id}", handle: call(bound, s.Recall), logged: true},
		{method: "GET", path: "/api/conversations/{conv}/messages", handle: call(bound, s.HistoryOf), logged: true},
		{method: "GET", path: "/api/users/{user}/conversations", handle: call(bound, s.ConversationsOf), logged: true},
	}
}
