package account

import (
	"context"

	"pushd/internal/codec"
)

// DevicesReply lists where a user is logged in, the newest first.
type DevicesReply struct {
	Devices []Device `json:"devices"`
}

// Device is one log-in.
type Device struct {
	Grant
	Current bool `json:"current,omitempty"` // the one that asks
}

// Devices lists where the user is logged in with a password.
func (s *Service) Devices(ctx context.Context, id Identity, _ struct{}) (DevicesReply, error) {
	if err := requireUser(id); err != nil {
		return DevicesReply{}, err
	}
	return s.listDevices(ctx, id.User, id.Grant)
}

func (s *Service) listDevices(ctx context.Context, user, current string) (DevicesReply, error) {
	grants, err := s.store.Grants(ctx, user)
	if err != nil {
		return DevicesReply{}, err
	}
	reply := DevicesReply{Devices: make([]Device, 0, len(grants))}
	for _, g := range grants {
		if g.Expires > s.now() {
			reply.Devices = append(reply.Devices, Device{Grant: g, Current: g.ID == current})
		}
	}
	return reply, nil
}

// RevokeDeviceRequest names a log-in.
type RevokeDeviceRequest struct {
	Grant string `json:"grant"`
}

// RevokeDevice ends one of the user's log-ins, on any device; 404 when it is
// another user's.
func (s *Service) RevokeDevice(ctx context.Context, id Identity, r RevokeDeviceRequest) (struct{}, error) {
	if err := requireUser(id); err != nil {
		return struct{}{}, err
	}
	g, err := s.store.Grant(ctx, r.Grant)
	if err == nil && g.User != id.User {
		err = codec.Errorf(codec.CodeNotFound, "there is no such device")
	}
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, s.endGrants(ctx, id.User, []string{g.ID})
}

// LogoutRequest says how far a logout goes.
type LogoutRequest struct {
	All bool `json:"all,omitempty"` // every device, not this one alone
}

// Logout makes the token that it comes with worthless, or all of the user's.
// Connections that logged in with it are closed.
func (s *Service) Logout(ctx context.Context, id Identity, r LogoutRequest) (struct{}, error) {
	if err := requireUser(id); err != nil {
		return struct{}{}, err
	}
	if r.All {
		return struct{}{}, s.endAll(ctx, id.User, false)
	}
	if id.Grant == "" {
		return struct{}{}, codec.Errorf(codec.CodeConflict,
			"this token was not made by this server, which can't end it alone; with all: true every log-in of yours ends")
	}
	return struct{}{}, s.endGrants(ctx, id.User, []string{id.Grant})
}
