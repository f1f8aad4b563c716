package account

import (
	"context"

	"pushd/internal/codec"
)

// ChangePasswordRequest is a user who wants another password.
type ChangePasswordRequest struct {
	Old string `json:"old"`
	New string `json:"new"`
}

// ChangePassword ends every log-in of the user but the one that asks. The old
// password is checked as in a login, with the same limits: 401 when it is wrong, 409
// for a user without one.
func (s *Service) ChangePassword(ctx context.Context, id Identity, r ChangePasswordRequest) (struct{}, error) {
	if err := requireUser(id); err != nil {
		return struct{}{}, err
	}
	if err := validPassword(r.New); err != nil {
		return struct{}{}, err
	}
	if len(r.Old) > maxPassword {
		return struct{}{}, wrongCredentials()
	}
	u, err := s.store.User(ctx, id.User)
	if err != nil {
		return struct{}{}, err
	}
	if u.Hash == "" {
		return struct{}{}, codec.Errorf(codec.CodeConflict, "this account has no password here; change it where you log in")
	}
	a, err := s.beginAttempt(ctx, id, id.User, id.Device)
	if err != nil {
		return struct{}{}, err
	}
	if u, err = s.checkPassword(ctx, a, id.User, r.Old); err != nil {
		return struct{}{}, err
	}
	hash, err := s.hasher.hash(ctx, r.New)
	if err != nil {
		return struct{}{}, err
	}
	if _, err := s.store.ChangeUser(ctx, id.User, UserChange{Hash: &hash, OldHash: &u.Hash}); err != nil {
		return struct{}{}, err
	}
	grants, err := s.store.Grants(ctx, id.User)
	if err != nil {
		return struct{}{}, err
	}
	var others []string
	for _, g := range grants {
		if g.ID != id.Grant {
			others = append(others, g.ID)
		}
	}
	return struct{}{}, s.endGrants(ctx, id.User, others)
}
