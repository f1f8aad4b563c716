package api

import "pushd/internal/account"

// accountRoutes is how users come in, and what they do with their accounts.
func accountRoutes(s *account.Service) []route {
	return []route{
		{method: "POST", path: "/api/v1/users", handle: call(bound, s.Register), open: true},
		{method: "POST", path: "/api/v1/login", handle: call(bound, s.Login), open: true},
		{method: "POST", path: "/api/v1/token/refresh", handle: call(bound, s.Refresh), open: true},
		{method: "POST", path: "/api/v1/logout", handle: call(optional, s.Logout)},

		{method: "GET", path: "/api/v1/me", handle: call(nothing, s.Me)},
		{method: "PATCH", path: "/api/v1/me", handle: call(bound, s.UpdateMe)},
		{method: "POST", path: "/api/v1/me/password", handle: call(bound, s.ChangePassword)},
		{method: "GET", path: "/api/v1/me/devices", handle: call(nothing, s.Devices)},
		{method: "DELETE", path: "/api/v1/me/devices/{grant}", handle: call(bound, s.RevokeDevice)},

		{method: "GET", path: "/api/v1/users/{user}", handle: call(bound, s.User)},
		{method: "POST", path: "/api/v1/profiles", handle: call(bound, s.Users)},
	}
}

// accountAdminRoutes is what administrators do with users.
func accountAdminRoutes(s *account.Service) []route {
	return []route{
		{method: "POST", path: "/api/users", handle: call(bound, s.CreateUser), logged: true},
		{method: "GET", path: "/api/users", handle: call(bound, s.ListUsers), logged: true},
		{method: "GET", path: "/api/users/{user}", handle: call(bound, s.GetUser), logged: true},
		{method: "PATCH", path: "/api/users/{user}", handle: call(bound, s.ChangeUser), logged: true},
		{method: "DELETE", path: "/api/users/{user}", handle: call(bound, s.DeleteUser), logged: true},
		{method: "GET", path: "/api/users/{user}/devices", handle: call(bound, s.UserDevices), logged: true},
		{method: "POST", path: "/api/users/{user}/password", handle: call(bound, s.ResetPassword), logged: true},
		{method: "POST", path: "/api/users/{user}/revoke", handle: call(bound, s.RevokeUser), logged: true},
	}
}

// optional is bound for a request that may come without a body.
func optional[Req any](r *request, v *Req) error {
	if r.http.Request.Header.ContentLength() == 0 {
		return nothing(r, v)
	}
	return bound(r, v)
}
