package chat

// Bounds of pages.
const (
	defaultPage = 50
	maxPage     = 200
	// maxReply is how many bytes of messages one reply carries: well below what a
	// connection may have waiting, so that a page doesn't make a slow reader of it.
	maxReply = 128 << 10
)

// pageLimit is how long a page is: the default for 0, and clamped.
func pageLimit(asked int) int {
	if asked == 0 {
		return defaultPage
	}
	return min(max(asked, 1), maxPage)
}

// cost is about what a message takes in a reply.
func cost(m Message) int {
	n := 200 + len(m.Text) + len(m.URL) + len(m.Thumb) + len(m.Name) + len(m.Data)
	for _, u := range m.Mention {
		n += len(u) + 3
	}
	for _, r := range m.Reactions {
		n += 30 + len(r.Sign)
		for _, u := range r.Users {
			n += len(u) + 3
		}
	}
	return n
}

// howManyFit is how many of the messages a reply of at most the given bytes can carry:
// at least one, if there is one.
func howManyFit(page []Message, bytes int) int {
	for i := range page {
		if bytes -= cost(page[i]); bytes < 0 && i > 0 {
			return i
		}
	}
	return len(page)
}

// pageThatFits reads a page whose cursor is the store's, and a shorter one where it would
// be too much for a reply.
func pageThatFits[T any](
	limit int, read func(limit int) ([]T, string, error), cost func(T) int,
) (page []T, next string, err error) {
	for ; ; limit /= 2 {
		if page, next, err = read(limit); err != nil || len(page) <= 1 {
			return page, next, err
		}
		bytes := 0
		for _, item := range page {
			bytes += cost(item)
		}
		if bytes <= maxReply {
			return page, next, nil
		}
		limit = len(page)
	}
}

// orEmpty keeps null out of replies.
func orEmpty[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
