package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"pushd/internal/store"
)

func (a *app) migrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Look at the database's schema, or bring it up to date",
		Long: `Look at the database's schema, or bring it up to date. The server does the latter
by itself when it starts; with several servers on PostgreSQL the first one does,
and the others wait for it.`,
		Example: `  ./pushd migrate status
  ./pushd migrate up --store postgres://pushd@db.example.com/pushd`,
	}
	group(cmd)
	cmd.AddCommand(a.migrateStatusCommand(), a.migrateUpCommand())
	return cmd
}

func (a *app) migrateStatusCommand() *cobra.Command {
	return a.databaseCommand(&cobra.Command{
		Use:   "status",
		Short: "Show which steps of the schema the database has",
		Long: `Show which steps of the schema the database has, and since when. Servers may be
running on it. Exits with 1 when it belongs to a newer program.`,
		Example: "  ./pushd migrate status --config pushd.yaml",
		Args:    noArgs,
	}, func(ctx context.Context, address string, _ []string) error {
		steps, err := store.Status(ctx, store.Options{URL: address})
		return errors.Join(a.printSteps(steps), err)
	})
}

func (a *app) migrateUpCommand() *cobra.Command {
	return a.databaseCommand(&cobra.Command{
		Use:   "up",
		Short: "Apply the steps of the schema that are missing",
		Long: `Apply the steps of the schema that are missing, and make the database if it is a
SQLite file that isn't there. On SQLite no server may be running on it.`,
		Example: "  ./pushd migrate up --config pushd.yaml",
		Args:    noArgs,
	}, func(ctx context.Context, address string, _ []string) error {
		applied, err := store.Migrate(ctx, store.Options{URL: address})
		if err == nil && len(applied) == 0 {
			a.say("the schema is up to date")
		}
		for i := range applied {
			applied[i].Applied = time.Now().UnixMilli()
		}
		return errors.Join(a.printSteps(applied), err)
	})
}

// printSteps writes one line for each step, and none when there is none.
func (a *app) printSteps(steps []store.Migration) error {
	table := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, step := range steps {
		applied := "pending"
		if step.Applied > 0 {
			applied = "applied " + time.UnixMilli(step.Applied).UTC().Format(time.DateTime) + " UTC"
		}
		if _, err := fmt.Fprintf(table, "%d\t%s\t%s\n", step.Version, step.Name, applied); err != nil {
			return err
		}
	}
	return table.Flush()
}

// databaseCommand gives a command the options that say where the database is, and
// runs it with the address.
func (a *app) databaseCommand(cmd *cobra.Command, run func(ctx context.Context, address string, args []string) error) *cobra.Command {
	addFlags(cmd, func(key string) bool { return key == "data-dir" || key == "store" })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := a.loadChecked(cmd)
		if err != nil {
			return err
		}
		address, err := cfg.Database()
		if err != nil {
			return usageError{err}
		}
		if address == "" {
			return usageError{fmt.Errorf("store (%s): is none, so that there is no database", cfg.Source("store"))}
		}
		return run(cmd.Context(), address, args)
	}
	return cmd
}
