// Package cli is how the programs of bench start and end: signals, what is
// printed last, and the exit status.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"pushd/bench/internal/report"
)

// ErrNotOK is how a command ends that worked and found the server wanting; what
// was wrong is in the result that was printed or written.
var ErrNotOK = errors.New("not everything arrived as it should")

// Main runs the command line and ends the process. The command is silent about
// its errors: they are printed here.
func Main(root *cobra.Command) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the work with what there is of a result; the next ends the process.
	context.AfterFunc(ctx, stop)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		os.Exit(0)
	case errors.Is(err, ErrNotOK):
		fmt.Fprintf(os.Stderr, "%s: %v\n", root.Name(), err)
		os.Exit(report.ExitNotOK)
	default:
		fmt.Fprintf(os.Stderr, "%s: %v\n", root.Name(), err)
		os.Exit(1)
	}
}
