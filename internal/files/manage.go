package files

import (
	"context"
	"log/slog"

	"pushd/internal/account"
)

// ListRequest asks for a page of the caller's files.
type ListRequest struct {
	Limit  int    `json:"limit,omitempty"`
	Cursor string `json:"cursor,omitempty"`
}

// ListReply is a page of the caller's files, newest first.
type ListReply struct {
	Files      []Info `json:"files"`
	NextCursor string `json:"next_cursor,omitempty"`
	Used       int64  `json:"used"`     // bytes that count for the quota
	Quota      int64  `json:"quota"`    // bytes
	MaxSize    int64  `json:"max_size"` // bytes of one file
}

// List is what the caller uploaded.
func (s *Service) List(ctx context.Context, id account.Identity, r ListRequest) (ListReply, error) {
	if err := requireUser(id); err != nil {
		return ListReply{}, err
	}
	if r.Limit == 0 {
		r.Limit = 50
	}
	page, next, used, err := s.store.FilesOf(ctx, id.User, min(max(r.Limit, 1), 200), r.Cursor)
	if err != nil {
		return ListReply{}, err
	}
	reply := ListReply{Files: []Info{}, NextCursor: next, Used: used, Quota: s.opts.Quota, MaxSize: s.opts.MaxSize}
	for _, f := range page {
		reply.Files = append(reply.Files, f.clientInfo())
	}
	return reply, nil
}

// DeleteRequest names one file.
type DeleteRequest struct {
	ID string `json:"id"`
}

// Delete removes a file that the caller uploaded, also where it was sent to:
// messages keep its URL, which leads nowhere then.
func (s *Service) Delete(ctx context.Context, id account.Identity, r DeleteRequest) (struct{}, error) {
	f, err := s.readable(ctx, id, r.ID)
	if err != nil {
		return struct{}{}, err
	}
	if f.Owner != id.User {
		return struct{}{}, forbidden("only the user who uploaded a file can delete it")
	}
	return struct{}{}, s.discard(ctx, f.ID)
}

// AdminInfo is a file as admins see it.
type AdminInfo struct {
	Info
	Owner         string   `json:"owner,omitempty"` // "" once that user is deleted
	Attached      bool     `json:"attached"`        // some message carries it
	Conversations []string `json:"conversations"`   // that may read it; the first 1,000
}

// maxAdminLinks is how many conversations of a file admins are told.
const maxAdminLinks = 1000

// AdminInfo tells everything about a file.
func (s *Service) AdminInfo(ctx context.Context, id account.Identity, r InfoRequest) (AdminInfo, error) {
	if err := id.Allow(account.ScopeAdmin); err != nil {
		return AdminInfo{}, err
	}
	if err := checkID(r.ID); err != nil {
		return AdminInfo{}, err
	}
	f, err := s.store.File(ctx, r.ID)
	if err != nil {
		return AdminInfo{}, err
	}
	conversations, err := s.store.FileLinks(ctx, f.ID, maxAdminLinks)
	if conversations == nil {
		conversations = []string{}
	}
	return AdminInfo{Info: f.clientInfo(), Owner: f.Owner, Attached: f.Attached, Conversations: conversations}, err
}

// AdminDelete removes any file.
func (s *Service) AdminDelete(ctx context.Context, id account.Identity, r DeleteRequest) (struct{}, error) {
	if err := id.Allow(account.ScopeAdmin); err != nil {
		return struct{}{}, err
	}
	if err := checkID(r.ID); err != nil {
		return struct{}{}, err
	}
	f, err := s.store.File(ctx, r.ID)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, s.discard(ctx, f.ID)
}

// discard makes a file unreadable, then deletes it. The first is what the caller asked
// for; Clean finds what could not be deleted now.
func (s *Service) discard(ctx context.Context, id string) error {
	if err := s.store.CondemnFile(ctx, id); err != nil {
		return err
	}
	if err := s.erase(ctx, id); err != nil {
		s.log.Warn("the content of a deleted file is still stored; it is removed with the next cleaning",
			logFile(id), slog.Any("error", err))
	}
	return nil
}
