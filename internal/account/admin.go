package account

import (
	"context"
	"encoding/json"
	"log/slog"
)

// Bounds of a page of users.
const (
	defaultPage = 50
	maxPage     = 200
)

// CreateUserRequest is an account that an administrator makes.
type CreateUserRequest struct {
	ID       string          `json:"id"`
	Password string          `json:"password,omitempty"` // "" for none: there is no login by password until one is set
	Name     string          `json:"name,omitempty"`
	Avatar   string          `json:"avatar,omitempty"`
	Extra    json.RawMessage `json:"extra,omitempty"`
	Bot      bool            `json:"bot,omitempty"`
}

// CreateUser makes an account; 409 for an id that is taken.
func (s *Service) CreateUser(ctx context.Context, id Identity, r CreateUserRequest) (User, error) {
	if err := id.Allow(ScopeAdmin); err != nil {
		return User{}, err
	}
	u := User{ID: r.ID, Name: r.Name, Avatar: r.Avatar, Extra: r.Extra, Bot: r.Bot, Created: s.now()}
	if err := s.validNewUser(u); err != nil {
		return User{}, err
	}
	if r.Password != "" {
		if err := validPassword(r.Password); err != nil {
			return User{}, err
		}
		var err error
		if u.Hash, err = s.hasher.hash(ctx, r.Password); err != nil {
			return User{}, err
		}
	}
	if err := s.store.CreateUser(ctx, u); err != nil {
		return User{}, err
	}
	s.audit(id, "user.create", u.ID)
	return u, nil
}

// ListUsersRequest asks for a page of users, in the order of their ids.
type ListUsersRequest struct {
	Prefix string `json:"prefix,omitempty"` // of the id
	Limit  int    `json:"limit,omitempty"`  // 50 if 0, at most 200
	Cursor string `json:"cursor,omitempty"`
}

// ListUsersReply is a page.
type ListUsersReply struct {
	Users []User `json:"users"`
	Next  string `json:"next_cursor,omitempty"`
}

// ListUsers lists accounts.
func (s *Service) ListUsers(ctx context.Context, id Identity, r ListUsersRequest) (ListUsersReply, error) {
	if err := id.Allow(ScopeAdmin); err != nil {
		return ListUsersReply{}, err
	}
	if r.Prefix != "" {
		if err := ValidUserID(r.Prefix); err != nil {
			return ListUsersReply{}, err
		}
	}
	if r.Limit == 0 {
		r.Limit = defaultPage
	}
	users, next, err := s.store.ListUsers(ctx, r.Prefix, min(max(r.Limit, 1), maxPage), r.Cursor)
	return ListUsersReply{Users: users, Next: next}, err
}

// GetUser is one account, with everything but its password.
func (s *Service) GetUser(ctx context.Context, id Identity, r UserRequest) (User, error) {
	if err := id.Allow(ScopeAdmin); err != nil {
		return User{}, err
	}
	return s.store.User(ctx, r.User)
}

// ChangeUserRequest names what to change; what isn't there stays.
type ChangeUserRequest struct {
	User     string          `json:"user"`
	Name     *string         `json:"name,omitempty"`
	Avatar   *string         `json:"avatar,omitempty"`
	Extra    json.RawMessage `json:"extra,omitempty"`
	Disabled *bool           `json:"disabled,omitempty"`
}

// ChangeUser changes an account. Disabling it ends every log-in of the user and
// closes their connections.
func (s *Service) ChangeUser(ctx context.Context, id Identity, r ChangeUserRequest) (User, error) {
	if err := id.Allow(ScopeAdmin); err != nil {
		return User{}, err
	}
	if err := validProfile(r.Name, r.Avatar, r.Extra); err != nil {
		return User{}, err
	}
	u, err := s.store.ChangeUser(ctx, r.User, UserChange{
		Name: r.Name, Avatar: r.Avatar, Extra: extraChange(r.Extra), Disabled: r.Disabled,
	})
	if err != nil || r.Disabled == nil {
		return u, err
	}
	if !*r.Disabled {
		s.audit(id, "user.enable", u.ID)
		return u, nil
	}
	s.audit(id, "user.disable", u.ID)
	return u, s.endAll(ctx, u.ID, true)
}

// DeleteUser takes an account away; what the user sent stays where it is.
func (s *Service) DeleteUser(ctx context.Context, id Identity, r UserRequest) (struct{}, error) {
	if err := id.Allow(ScopeAdmin); err != nil {
		return struct{}{}, err
	}
	deleted := func() {}
	if s.deleting != nil {
		var err error
		if deleted, err = s.deleting(ctx, r.User); err != nil {
			return struct{}{}, err
		}
	}
	if err := s.store.DeleteUser(ctx, r.User); err != nil {
		return struct{}{}, err
	}
	deleted()
	s.audit(id, "user.delete", r.User)
	return struct{}{}, s.endAll(ctx, r.User, true)
}

// ResetPasswordRequest sets another password.
type ResetPasswordRequest struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// ResetPassword sets a user's password and ends every log-in of theirs.
func (s *Service) ResetPassword(ctx context.Context, id Identity, r ResetPasswordRequest) (struct{}, error) {
	if err := id.Allow(ScopeAdmin); err != nil {
		return struct{}{}, err
	}
	if err := validPassword(r.Password); err != nil {
		return struct{}{}, err
	}
	hash, err := s.hasher.hash(ctx, r.Password)
	if err != nil {
		return struct{}{}, err
	}
	if _, err := s.store.ChangeUser(ctx, r.User, UserChange{Hash: &hash}); err != nil {
		return struct{}{}, err
	}
	s.audit(id, "user.password", r.User)
	return struct{}{}, s.endAll(ctx, r.User, false)
}

// UserDevices lists where a user is logged in with a password.
func (s *Service) UserDevices(ctx context.Context, id Identity, r UserRequest) (DevicesReply, error) {
	if err := id.Allow(ScopeAdmin); err != nil {
		return DevicesReply{}, err
	}
	if _, err := s.store.User(ctx, r.User); err != nil {
		return DevicesReply{}, err
	}
	return s.listDevices(ctx, r.User, "")
}

// RevokeUserRequest names a user, and one of their log-ins if not all are meant.
type RevokeUserRequest struct {
	User  string `json:"user"`
	Grant string `json:"grant,omitempty"`
}

// RevokeUser ends one log-in of a user, or all. The user may log in again.
func (s *Service) RevokeUser(ctx context.Context, id Identity, r RevokeUserRequest) (struct{}, error) {
	if err := id.Allow(ScopeAdmin); err != nil {
		return struct{}{}, err
	}
	err := ValidUserID(r.User)
	switch {
	case r.Grant != "":
		_, err = s.RevokeDevice(ctx, Identity{User: r.User}, RevokeDeviceRequest{Grant: r.Grant})
	case err == nil:
		// Also for a user who has no account here yet: the site may have made tokens for
		// them.
		err = s.endAll(ctx, r.User, false)
	}
	if err == nil {
		s.audit(id, "user.revoke", r.User)
	}
	return struct{}{}, err
}

// audit logs what an administrator changed, and with which API key.
func (s *Service) audit(id Identity, operation, user string) {
	s.log.Info("account changed by an administrator", slog.String("operation", operation),
		slog.String("user", user), slog.String("key", id.Key))
}
