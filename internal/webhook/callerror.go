package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"pushd/internal/codec"
)

// Outcomes of a call, the values of the metric's label.
const (
	OutcomeOK       = "ok"       // 2xx
	OutcomeRefused  = "refused"  // 3xx and 4xx: the same call will not do better
	OutcomeStatus   = "status"   // 5xx, and the 4xx that ask for another try
	OutcomeTimeout  = "timeout"  // no whole reply in time
	OutcomeNetwork  = "network"  // no connection, or a broken one
	OutcomeTooLarge = "too_long" // the reply is over its bound
	OutcomeOpen     = "open"     // not tried: the backend failed again and again just now
	OutcomeBusy     = "busy"     // not tried: as many calls as may be were under way all the time
	OutcomeCanceled = "canceled" // whoever asked doesn't wait any more
	OutcomeReply    = "reply"    // 2xx with a reply that can't be understood
)

// CallError is why a call did not succeed. Its text names no address and no
// secret.
type CallError struct {
	Outcome string
	Status  int           // of the reply; 0 when there was none
	Retry   bool          // the same call may succeed later
	After   time.Duration // not before; 0 when the backend didn't say
	Cause   error
}

// Error says what happened.
func (f *CallError) Error() string {
	switch {
	case f.Status != 0:
		return fmt.Sprintf("%s: status %d", f.Outcome, f.Status)
	case f.Cause != nil:
		return fmt.Sprintf("%s: %v", f.Outcome, f.Cause)
	}
	return f.Outcome
}

// Unwrap returns Cause.
func (f *CallError) Unwrap() error { return f.Cause }

// BadReply is the failure of a call whose reply can't be understood.
func BadReply(cause error) *CallError { return &CallError{Outcome: OutcomeReply, Cause: cause} }

// unreached makes a CallError of what net/http says. Its text holds the address,
// which may be nobody's business, so that part is left out.
func unreached(err error) *CallError {
	if u, ok := errors.AsType[*url.Error](err); ok {
		if u.Timeout() {
			return &CallError{Outcome: OutcomeTimeout, Retry: true}
		}
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &CallError{Outcome: OutcomeTimeout, Retry: true}
	}
	return &CallError{Outcome: OutcomeNetwork, Retry: true, Cause: err}
}

// retry tells whether work that ended in err may be tried again, and when at
// the earliest. Beside CallErrors those are the answers of our own services that
// are temporary.
func retry(err error) (after time.Duration, ok bool) {
	if f, is := errors.AsType[*CallError](err); is {
		return f.After, f.Retry
	}
	if e, is := errors.AsType[*codec.Error](err); is {
		return e.RetryAfter, e.Temporary
	}
	return 0, false
}

// isOpen reports whether a call was not tried because of what others met.
func isOpen(err error) bool {
	f, is := errors.AsType[*CallError](err)
	return is && f.Outcome == OutcomeOpen
}
