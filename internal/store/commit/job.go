package commit

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

// Job is one caller's part of a batch. Its methods are for Database.Commit.
type Job[T any] struct {
	Work T

	ctx   context.Context // of the caller
	state atomic.Uint32
	done  chan struct{} // closed when the fields below are final

	err      error
	panicked any
}

// States of a job: a caller who gives up withdraws what is still waiting, and the
// writer begins what nobody has withdrawn.
const (
	waiting uint32 = iota
	begun
	withdrawn
)

func newJob[T any](ctx context.Context, work T) *Job[T] {
	return &Job[T]{Work: work, ctx: ctx, done: make(chan struct{})}
}

// Fail gives the job an error of its own: the rest of its batch is committed.
func (j *Job[T]) Fail(err error) { j.err = err }

// Abandoned is the answer for a caller who has given up by now; nil if they have not.
func (j *Job[T]) Abandoned() error {
	select {
	case <-j.ctx.Done():
		return GaveUp(j.ctx)
	default:
		return nil
	}
}

// Run calls f, whose panic is the caller's and not the writer's: here it is an error
// like another.
func (j *Job[T]) Run(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			// The stack is the one that somebody will want to see.
			j.panicked = fmt.Sprintf("%v\n\n%s", p, debug.Stack())
			err = errors.New("panic")
		}
	}()
	return f()
}

// result is what the caller gets; a panic in the work goes on where the work came from.
func (j *Job[T]) result() error {
	if j.panicked != nil {
		panic(j.panicked)
	}
	return j.err
}

// answer ends jobs. An error of the whole batch takes the place of their own; a
// panic stays.
func answer[T any](batch []*Job[T], err error) {
	for _, j := range batch {
		if err != nil && j.panicked == nil {
			j.err = err
		}
		close(j.done)
	}
}
