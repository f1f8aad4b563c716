package files

import (
	"context"
	"strings"

	"pushd/internal/account"
	"pushd/internal/chat"
	"pushd/internal/codec"
)

var _ chat.Files = (*Service)(nil)

// Attach lets the members of a conversation read the files that a message about
// to be sent to it carries, and keeps them from being cleaned away. It leaves URLs
// alone that are not paths of this server's files. 403 when the sender can't read a
// file: else anybody who learns a file's id could send it to themselves. A backend,
// which has an API key, may send any file.
//
// It is called before the message is committed, since a receiver may ask for the
// file as soon as it is. If the commit then fails, the conversation may read what
// its sender meant it to.
func (s *Service) Attach(ctx context.Context, id account.Identity, conv string, urls ...string) error {
	var ids []string
	for _, u := range urls {
		if !strings.HasPrefix(u, Prefix) {
			continue
		}
		file, name, ok := parseURL(u)
		if !ok {
			return codec.Errorf(codec.CodeMalformed,
				"%.128q is not the URL of a file; upload the file first and send the url of the reply", u)
		}
		var f File
		var err error
		if id.User == "" && id.Key != "" {
			f, err = s.store.File(ctx, file)
		} else {
			f, err = s.readable(ctx, id, file)
		}
		if err != nil {
			return err
		}
		if name != f.Name && (name != thumbName || f.Thumb == "") {
			return notFound(file + "/" + name)
		}
		ids = append(ids, file)
	}
	if len(ids) == 0 {
		return nil
	}
	return s.store.AttachFiles(ctx, ids, conv)
}

// requirePoster is 403 unless the user may link a file to the conversation: as one of
// the two of a single chat, also before its first message, or as a member of a group.
func (s *Service) requirePoster(ctx context.Context, user, conv string) error {
	kind, a, b, _ := chat.ParseKey(conv)
	switch {
	case kind == chat.KindSingle && (a == user || b == user):
		return nil
	case kind == chat.KindGroup:
		if in, err := s.store.InConversation(ctx, user, conv); err != nil || in {
			return err
		}
	}
	return forbidden("you are not in the conversation %.128q", conv)
}
