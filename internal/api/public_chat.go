package api

import "pushd/internal/chat"

// chatRoutes is what users reach of conversations and messages.
func chatRoutes(s *chat.Service) []route {
	return []route{
		{method: "GET", path: "/api/v1/conversations", handle: call(bind, s.Conversations)},
		{method: "DELETE", path: "/api/v1/conversations/{conv}", handle: call(bind, s.Hide)},
		{method: "GET", path: "/api/v1/conversations/{conv}/messages", handle: call(bind, s.History)},
		{method: "POST", path: "/api/v1/conversations/{conv}/messages", handle: call(bind, s.Send)},
		{method: "POST", path: "/api/v1/conversations/{conv}/messages/delete", handle: call(bind, s.Delete)},
		{method: "POST", path: "/api/v1/conversations/{conv}/read", handle: call(bind, s.Read)},
		{method: "POST", path: "/api/v1/conversations/{conv}/delivered", handle: call(bind, s.Delivered)},
		{method: "POST", path: "/api/v1/conversations/{conv}/typing", handle: call(bind, s.Typing)},
		{method: "GET", path: "/api/v1/conversations/{conv}/readers", handle: call(bind, s.Readers)},

		{method: "POST", path: "/api/v1/messages", handle: call(bind, s.Send)},
		{method: "PATCH", path: "/api/v1/messages/{id}", handle: call(bind, s.Edit)},
		{method: "DELETE", path: "/api/v1/messages/{id}", handle: call(bind, s.Recall)},
		{method: "GET", path: "/api/v1/messages/{id}/versions", handle: call(bind, s.Versions)},
		{method: "POST", path: "/api/v1/messages/{id}/reactions", handle: call(bind, s.React)},

		{method: "POST", path: "/api/v1/sync", handle: call(bind, s.Sync)},
		{method: "GET", path: "/api/v1/search", handle: call(bind, s.Search)},
	}
}

// chatAdminRoutes is what backends reach of them.
func chatAdminRoutes(s *chat.Service) []route {
	return []route{
		{method: "POST", path: "/api/messages", handle: call(jsonBody, s.SendAs), logged: true},
		{method: "DELETE", path: "/api/messages/{id}", handle: call(bind, s.Recall), logged: true},
		{method: "GET", path: "/api/conversations/{conv}/messages", handle: call(bind, s.HistoryOf), logged: true},
		{method: "GET", path: "/api/users/{user}/conversations", handle: call(bind, s.ConversationsOf), logged: true},
	}
}
