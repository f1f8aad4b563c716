package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"pushd/internal/config"
	"pushd/internal/store"
)

func (a *app) backupCommand() *cobra.Command {
	return a.databaseCommand(&cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the database to a file while the server runs",
		Long: `Copy the SQLite database, as of one moment, to a file that isn't there yet; the
server goes on meanwhile. The copy is a database itself: to restore it, stop the
server, put the copy in the database's place, remove the files beside it that end
in -wal and -shm, and start the server.

PostgreSQL has tools of its own, and this command names the line to run.`,
		Example: `  ./pushd backup /var/backups/pushd-$(date +%F).db
  ./pushd backup --config pushd.yaml copy.db`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("%s takes one argument, the file to write, but got %d", cmd.CommandPath(), len(args))}
			}
			return nil
		},
	}, func(ctx context.Context, address string, args []string) error {
		err := store.Backup(ctx, store.Options{URL: address}, args[0])
		if errors.Is(err, store.ErrNotSQLite) {
			return fmt.Errorf("the database is PostgreSQL, whose own program makes a backup while servers run: pg_dump --format=custom --file=%s %s (and pg_restore brings it back; a password comes from PGPASSWORD or ~/.pgpass)",
				config.ShellQuote(args[0]), config.ShellQuote(config.StoreURL(address).String()))
		}
		return err
	})
}
