// Package pause lets time pass in what can be interrupted.
package pause

import (
	"context"
	"time"
)

// For returns after d, or with the context's error when that ends first.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
