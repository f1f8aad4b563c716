package api

import "pushd/internal/account"

// accountRoutes is how users come in, and what they do with their accounts.
func accountRoutes(s *account.Service) []route {
	return []route{
		{method: "POST", path: "/api/v1/users", handle: call(bind, s.Register), open: true},
		{method: "POST", path: "/api/v1/login", handle: call(bind, s.Login), open: true},
		{method: "POST", path: "/api/v1/token/refresh", handle: call(bind, s.Refresh), open: true},
		{method: "POST", path: "/api/v1/logout", handle: call(bindOptional, s.Logout)},

		{method: "GET", path: "/api/v1/me", handle: call(noParameters, s.Me)},
		{method: "PATCH", path: "/api/v1/me", handle: call(bind, s.UpdateMe)},
		{method: "POST", path: "/api/v1/me/password", handle: call(bind, s.ChangePassword)},
		{method: "GET", path: "/api/v1/me/devices", handle: call(noParameters, s.Devices)},
		{method: "DELETE", path: "/api/v1/me/devices/{grant}", handle: call(bind, s.RevokeDevice)},

		{method: "GET", path: "/api/v1/users/{user}", handle: call(bind, s.User)},
		{method: "POST", path: "/api/v1/profiles", handle: call(bind, s.Users)},
	}
}

// accountAdminRoutes is what administrators do with users.
func accountAdminRoutes(s *account.Service) []route {
	return []route{
		{method: "POST", path: "/api/users", handle: call(bind, s.CreateUser), logged: true},
		{method: "GET", path: "/api/users", handle: call(bind, s.ListUsers), logged: true},
		{method: "GET", path: "/api/users/{user}", handle: call(bind, s.GetUser), logged: true},
		{method: "PATCH", path: "/api/users/{user}", handle: call(bind, s.ChangeUser), logged: true},
		{method: "DELETE", path: "/api/users/{user}", handle: call(bind, s.DeleteUser), logged: true},
		{method: "GET", path: "/api/users/{user}/devices", handle: call(bind, s.UserDevices), logged: true},
		{method: "POST", path: "/api/users/{user}/password", handle: call(bind, s.ResetPassword), logged: true},
		{method: "POST", path: "/api/users/{user}/revoke", handle: call(bind, s.RevokeUser), logged: true},
	}
}

// bindOptional is bound for a request that may come without a body.
func bindOptional[Req any](r *request, v *Req) error {
	if r.http.Request.Header.ContentLength() == 0 {
		return noParameters(r, v)
	}
	return bind(r, v)
}
