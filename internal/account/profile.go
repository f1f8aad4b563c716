package account

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"pushd/internal/codec"
)

// Bounds of a profile, in bytes.
const (
	maxName   = 256
	maxAvatar = 2048
	maxExtra  = 4 << 10
)

// filesPath is where files that were uploaded here are served from.
const filesPath = "/files/"

// maxLookup is how many users can be asked for at once.
const maxLookup = 200

// Profile is what users see of each other.
type Profile struct {
	ID     string `json:"id"`
	Name   string `json:"name,omitempty"`
	Avatar string `json:"avatar,omitempty"`
	Bot    bool   `json:"bot,omitempty"`
}

func profileOf(u User) Profile { return Profile{ID: u.ID, Name: u.Name, Avatar: u.Avatar, Bot: u.Bot} }

// Me is the user's own account.
func (s *Service) Me(ctx context.Context, id Identity, _ struct{}) (User, error) {
	if err := requireUser(id); err != nil {
		return User{}, err
	}
	return s.store.User(ctx, id.User)
}

// UpdateMeRequest names what to change; what isn't there stays.
type UpdateMeRequest struct {
	Name   *string         `json:"name,omitempty"`
	Avatar *string         `json:"avatar,omitempty"`
	Extra  json.RawMessage `json:"extra,omitempty"`
}

// UpdateMe changes the user's own profile and returns it.
func (s *Service) UpdateMe(ctx context.Context, id Identity, r UpdateMeRequest) (User, error) {
	if err := requireUser(id); err != nil {
		return User{}, err
	}
	if err := validProfile(r.Name, r.Avatar, r.Extra); err != nil {
		return User{}, err
	}
	return s.store.ChangeUser(ctx, id.User, UserChange{Name: r.Name, Avatar: r.Avatar, Extra: extraChange(r.Extra)})
}

// UserRequest names one user.
type UserRequest struct {
	User string `json:"user"`
}

// User is anybody's profile; 404 when there is no such user.
func (s *Service) User(ctx context.Context, id Identity, r UserRequest) (Profile, error) {
	if err := requireUser(id); err != nil {
		return Profile{}, err
	}
	if err := ValidUserID(r.User); err != nil {
		return Profile{}, err
	}
	u, err := s.store.User(ctx, r.User)
	return profileOf(u), err
}

// UsersRequest names up to 200 users.
type UsersRequest struct {
	Users []string `json:"users"`
}

// UsersReply has those that exist, in the order they were asked for.
type UsersReply struct {
	Users []Profile `json:"users"`
}

// Users are the profiles of many.
func (s *Service) Users(ctx context.Context, id Identity, r UsersRequest) (UsersReply, error) {
	if err := requireUser(id); err != nil {
		return UsersReply{}, err
	}
	if len(r.Users) > maxLookup {
		return UsersReply{}, codec.Errorf(codec.CodeMalformed,
			"one request names at most %d users, not %d; send several", maxLookup, len(r.Users))
	}
	if err := ValidUserIDs(r.Users); err != nil {
		return UsersReply{}, err
	}
	found, err := s.store.Users(ctx, r.Users)
	if err != nil {
		return UsersReply{}, err
	}
	byID := make(map[string]User, len(found))
	for _, u := range found {
		byID[u.ID] = u
	}
	reply := UsersReply{Users: make([]Profile, 0, len(found))}
	for _, name := range r.Users {
		if u, ok := byID[name]; ok {
			reply.Users = append(reply.Users, profileOf(u))
			delete(byID, name)
		}
	}
	return reply, nil
}

func validProfile(name, avatar *string, extra json.RawMessage) error {
	if name != nil &&
		(len(*name) > maxName || !utf8.ValidString(*name) || strings.ContainsFunc(*name, unicode.IsControl)) {
		return codec.Errorf(codec.CodeMalformed, "a name is at most %d bytes of text on one line", maxName)
	}
	if avatar != nil && *avatar != "" && !validAvatar(*avatar) {
		return codec.Errorf(codec.CodeMalformed,
			"avatar is a URL of at most %d bytes: http, https, or a path that begins with %s", maxAvatar, filesPath)
	}
	if len(extra) > maxExtra {
		return codec.Errorf(codec.CodeTooLarge, "extra is at most %d bytes long", maxExtra)
	}
	if extra != nil && codec.ValidObject(extra) != nil {
		return codec.Errorf(codec.CodeMalformed, "extra must be an object; {} empties it")
	}
	return nil
}

func validAvatar(text string) bool {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxAvatar || !utf8.ValidString(text) {
		return false
	}
	if u.Scheme == "" && u.Host == "" {
		return strings.HasPrefix(text, filesPath)
	}
	return (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
}

// extraChange is the change of the field extra that a request asks for, nil for none.
func extraChange(raw json.RawMessage) *json.RawMessage {
	if raw == nil {
		return nil
	}
	return &raw
}
