package main

import (
	"context"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func (a *app) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server until SIGTERM or SIGINT; then connections are closed over the
time given by --drain. A second signal exits at once.

Options come from the defaults, the file named by --config or PUSHD_CONFIG, the
environment (PUSHD_...) and the flags, each over the one before.`,
		Example: `  ./pushd serve --dev                                  # open login, admin key "dev"
  ./pushd serve --config /etc/pushd/pushd.yaml
  ./pushd serve --listen 127.0.0.1:0 --data-dir /var/lib/pushd
  PUSHD_ADMIN_KEY=@/run/secrets/admin ./pushd serve --admin-listen :8090
  ./pushd serve --origins https://chat.example.com --trusted-proxies 10.0.0.0/8`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.loadChecked(cmd)
			if err != nil {
				return err
			}
			log := newLogger(a.stderr, cfg.Log)
			if cfg.Dev {
				log.Warn("development mode", slog.String("auth.mode", cfg.Auth.Mode),
					slog.String("admin_key_from", cfg.Source("admin-key").String()))
			}
			for _, warning := range cfg.Warnings() {
				log.Warn("configuration", slog.String("warning", warning))
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			// After the first signal the default comes back, so that a second
			// one ends the process however long draining takes.
			context.AfterFunc(ctx, stop)
			return runServe(ctx, cfg, log)
		},
	}
	addFlags(cmd, nil)
	return cmd
}
