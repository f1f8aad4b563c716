package files

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strconv"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
)

// A link is a file's URL with a query that says which user it was made for and until
// when it is valid, and a signature: an <img src> can carry no token. It lets that
// user read this one file; whether the user may is checked again at each use.

// Signature is the query of a link.
type Signature struct {
	User    string // u
	Expires string // e, Unix seconds
	MAC     string // k
}

// MaxLinks is how many files one call of Links takes.
const MaxLinks = 200

// LinkRequest names one file.
type LinkRequest struct {
	ID string `json:"id"`
}

// LinkReply has URLs that work without a token until they expire.
type LinkReply struct {
	URL     string `json:"url"`
	Thumb   string `json:"thumb,omitempty"`
	Expires int64  `json:"expires"` // Unix milliseconds
}

// LinksRequest names files, at most 200.
type LinksRequest struct {
	IDs []string `json:"ids"`
}

// LinksReply has a link for each file that is there and that the caller may read.
type LinksReply struct {
	Links   map[string]LinkReply `json:"links"`
	Expires int64                `json:"expires"` // of all of them
}

// Link makes a link to a file that the caller may read; 403 otherwise.
func (s *Service) Link(ctx context.Context, id account.Identity, r LinkRequest) (LinkReply, error) {
	f, err := s.readable(ctx, id, r.ID)
	if err != nil {
		return LinkReply{}, err
	}
	return s.makeLink(f, id.User), nil
}

// Links makes links to many files at once, such as those of a page of messages.
func (s *Service) Links(ctx context.Context, id account.Identity, r LinksRequest) (LinksReply, error) {
	if err := requireUser(id); err != nil {
		return LinksReply{}, err
	}
	if len(r.IDs) == 0 || len(r.IDs) > MaxLinks {
		return LinksReply{}, codec.Errorf(codec.CodeMalformed, "ids names 1 to %d files", MaxLinks)
	}
	reply := LinksReply{Links: map[string]LinkReply{}, Expires: s.linkExpiry() * 1000}
	for _, file := range r.IDs {
		f, err := s.readable(ctx, id, file)
		switch code := codec.AsError(err); {
		case err == nil:
			reply.Links[file] = s.makeLink(f, id.User)
		case code.Code != codec.CodeNotFound && code.Code != codec.CodeForbidden:
			return LinksReply{}, err
		}
	}
	return reply, nil
}

func (s *Service) makeLink(f File, user string) LinkReply {
	expires := s.linkExpiry()
	e := strconv.FormatInt(expires, 10)
	query := "?" + url.Values{"u": {user}, "e": {e}, "k": {s.mac(f.ID, user, e)}}.Encode()
	l := LinkReply{URL: f.url() + query, Expires: expires * 1000}
	if f.Thumb != "" {
		l.Thumb = f.thumbURL() + query
	}
	return l
}

// linkExpiry is when a link made now ends, in Unix seconds. Those made within one
// LinkTime all end together, so that they are the same, and a browser finds in
// its cache what it has.
func (s *Service) linkExpiry() int64 {
	span := max(1, int64(s.opts.LinkTime/time.Second))
	return (s.opts.Clock().Unix()/span + 2) * span
}

// Redeem returns the user that a link to a file was made for; 401 when it is forged
// or has expired.
func (s *Service) Redeem(id string, sig Signature) (account.Identity, error) {
	if !hmac.Equal([]byte(sig.MAC), []byte(s.mac(id, sig.User, sig.Expires))) {
		return account.Identity{}, codec.Errorf(codec.CodeUnauthorized, "this link is not valid; ask for a new one")
	}
	seconds, err := strconv.ParseInt(sig.Expires, 10, 64)
	if err != nil || s.opts.Clock().Unix() >= seconds {
		return account.Identity{}, codec.Errorf(codec.CodeUnauthorized, "this link has expired; ask for a new one")
	}
	return account.Identity{User: sig.User, Expires: time.Unix(seconds, 0)}, nil
}

// mac signs a link. No part can reach into the next: an id and a time have no
// line breaks, and the user comes last.
func (s *Service) mac(id, user, expires string) string {
	h := hmac.New(sha256.New, s.opts.Key)
	h.Write([]byte("pushd file link 1\n" + id + "\n" + expires + "\n" + user))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}
