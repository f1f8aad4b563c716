package account

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"pushd/internal/delivery"
	"pushd/internal/events"
)

// endGrants ends log-ins: their refresh tokens, their access tokens and their
// connections.
func (s *Service) endGrants(ctx context.Context, user string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	now := s.now()
	var revoked []Revocation
	for _, id := range ids {
		revoked = append(revoked, Revocation{
			Grant: id, User: user, Before: now, Expires: now + s.opts.TokenTTL.Milliseconds(),
		})
	}
	// What other nodes read comes first: if the rest fails, the client asks again.
	if err := s.store.Revoke(ctx, revoked...); err != nil {
		return err
	}
	err := s.store.DeleteGrants(ctx, user, ids...)
	for _, r := range revoked {
		err = errors.Join(err, s.apply(ctx, r, false))
	}
	return err
}

// endAll ends every log-in of a user, also those with tokens of the site. gone tells
// that the account is disabled or deleted.
func (s *Service) endAll(ctx context.Context, user string, gone bool) error {
	now := s.now()
	r := Revocation{User: user, Before: now, Expires: now + s.opts.RevocationTTL.Milliseconds()}
	if err := s.store.Revoke(ctx, r); err != nil {
		return err
	}
	err := s.store.DeleteGrants(ctx, user)
	return errors.Join(err, s.apply(ctx, r, gone))
}

// apply makes a revocation count on this node: for tokens that come, and then for
// connections that are here.
func (s *Service) apply(ctx context.Context, r Revocation, gone bool) error {
	fresh := s.guard.remember(r)
	if r.Grant == "" {
		s.admission.forget(r.User)
	}
	if !fresh {
		return nil // applied before; newer connections may stay
	}
	cause := delivery.CauseTokenRevoked
	if gone {
		cause = delivery.CauseAccountClosed
	}
	// How old a token of the site was is not remembered. It was verified before this
	// node knew of the revocation, so every login until now may be with such a token.
	_, err := s.sessions.Close(ctx, delivery.Sessions{User: r.User, Login: &delivery.Login{
		Grant: r.Grant, GrantedUntil: time.UnixMilli(r.Before), LoggedInUntil: s.opts.Clock(),
	}}, cause, "")
	return err
}

// Load reads the revocations that hold. It belongs before the first token is
// looked at.
func (s *Service) Load(ctx context.Context) error {
	var err error
	s.polled, err = s.poll(ctx, 0)
	return err
}

// poll applies revocations after an id and returns the last one's.
func (s *Service) poll(ctx context.Context, after int64) (int64, error) {
	found, err := s.store.Revocations(ctx, after, s.now())
	if err != nil {
		return after, err
	}
	gone, err := s.accountsGone(ctx, found)
	if err != nil {
		return after, err
	}
	for _, r := range found {
		if err := s.apply(ctx, r, gone[r.User]); err != nil {
			return after, err
		}
		after = r.ID
	}
	return after, nil
}

// accountsGone tells which users, of those whose every token was revoked, have no
// account that they could log in to any more.
func (s *Service) accountsGone(ctx context.Context, revoked []Revocation) (map[string]bool, error) {
	gone := map[string]bool{}
	for _, r := range revoked {
		if r.Grant == "" {
			gone[r.User] = true
		}
	}
	if len(gone) == 0 {
		return gone, nil
	}
	users, err := s.store.Users(ctx, slices.Collect(maps.Keys(gone)))
	for _, u := range users {
		gone[u.ID] = u.Disabled
	}
	return gone, err
}

const (
	cleanEvery = time.Minute      // how often expired grants and revocations are removed
	cleanBatch = 1000             // rows removed in one transaction
	seenEvery  = 10 * time.Second // how often the times when users were last seen are stored
)

// Run keeps this node up with the others' revocations and does the housekeeping,
// until ctx is done.
func (s *Service) Run(ctx context.Context) {
	poll, clean, flush := time.NewTicker(s.opts.Poll), time.NewTicker(cleanEvery), time.NewTicker(seenEvery)
	defer poll.Stop()
	defer clean.Stop()
	defer flush.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			// Stopping has little time, which has to do for what is not stored yet.
			final, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			s.writeSeen(final)
			cancel()
			return
		case <-poll.C:
			next, err := s.poll(ctx, s.polled)
			if s.polled = next; (err != nil) != failing && ctx.Err() == nil {
				if failing = err != nil; failing {
					s.log.Error("revocations of other nodes can't be read; tokens revoked there still count here",
						slog.Any("error", err))
				} else {
					s.log.Info("revocations can be read again")
				}
			}
		case <-clean.C:
			s.clean(ctx)
		case <-flush.C:
			s.writeSeen(ctx)
		}
	}
}

// clean removes expired grants and revocations.
func (s *Service) clean(ctx context.Context) {
	s.guard.sweep()
	for ctx.Err() == nil {
		n, err := s.store.ExpireGrants(ctx, s.now(), cleanBatch)
		if err != nil {
			s.log.Warn("expired log-ins are not removed from the database; it is tried again in a minute", slog.Any("error", err))
		}
		if err != nil || n < cleanBatch {
			return
		}
	}
}

// maxSeen bounds how many users wait to be stored as seen. Further ones are left out:
// when they were last seen is only shown to people.
const maxSeen = 10_000

// subscribe has it noted when a session ends.
func (s *Service) subscribe(bus *events.Bus) {
	self := bus.Inline("account", events.Limit{
		Bound: fmt.Sprintf("%d users not written yet", maxSeen), AtBound: "last_seen stays as it was",
	})
	events.On(self, func(e SessionEnded) { s.seen.note(e.Identity.User, s.now()) })
}

// lastSeen is when users were last seen, as far as it is not stored yet.
type lastSeen struct {
	mu    sync.Mutex
	users map[string]int64 // guarded by mu
}

func (s *lastSeen) note(user string, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.users[user]; there || len(s.users) < maxSeen {
		s.users[user] = now
	}
}

func (s *Service) writeSeen(ctx context.Context) {
	s.seen.mu.Lock()
	users := s.seen.users
	s.seen.users = map[string]int64{}
	s.seen.mu.Unlock()
	if len(users) == 0 {
		return
	}
	if err := s.store.SeenUsers(ctx, users); err != nil {
		s.log.Warn("the database doesn't take when users were last seen; these times are lost", slog.Any("error", err))
	}
}
