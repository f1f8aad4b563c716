package api

import "pushd/internal/offline"

// pushTokenRoutes is how users' phones are to be woken.
func pushTokenRoutes(s *offline.Service) []route {
	return []route{
		{method: "POST", path: "/api/v1/push-tokens", handle: call(bind, s.Register)},
		{method: "DELETE", path: "/api/v1/push-tokens/{device}", handle: call(bind, s.Unregister)},
	}
}
