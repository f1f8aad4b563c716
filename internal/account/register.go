package account

import (
	"context"
	"log/slog"
	"strings"

	"pushd/internal/codec"
)

// RegisterRequest is a stranger who wants an account.
type RegisterRequest struct {
	User     string `json:"user"`
	Password string `json:"password"`
	Name     string `json:"name,omitempty"`
}

// Register makes an account for whoever asks, where Options.Register allows it:
// 403 otherwise, 409 for an id that is taken, and 429 for too many of one address.
func (s *Service) Register(ctx context.Context, id Identity, r RegisterRequest) (User, error) {
	if !s.opts.Register {
		return User{}, codec.Errorf(codec.CodeForbidden,
			"registering is off on this server; its administrator makes accounts, or turns on accounts.register")
	}
	u := User{ID: r.User, Name: r.Name, Created: s.now()}
	if err := s.validNewUser(u); err != nil {
		return User{}, err
	}
	if err := validPassword(r.Password); err != nil {
		return User{}, err
	}
	if err := s.lockout.countRegistration(id.Address); err != nil {
		return User{}, err
	}
	var err error
	if u.Hash, err = s.hasher.hash(ctx, r.Password); err != nil {
		return User{}, err
	}
	if err := s.store.CreateUser(ctx, u); err != nil {
		return User{}, err
	}
	s.log.Info("user registered", slog.String("user", u.ID), slog.String("address", id.Address.String()))
	return u, nil
}

// botPrefix begins the ids of users that are programs; nobody logs in as one.
const botPrefix = "bot:"

func (s *Service) validNewUser(u User) error {
	if err := ValidUserID(u.ID); err != nil {
		return err
	}
	if strings.HasPrefix(u.ID, botPrefix) && !u.Bot {
		return codec.Errorf(codec.CodeMalformed, "a user id that begins with %q is a bot's; choose another", botPrefix)
	}
	return validProfile(&u.Name, &u.Avatar, u.Extra)
}
