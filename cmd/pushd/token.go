package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/config"
)

func (a *app) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make a token that a user can log in with",
		Long: `Print one signed token (JWT) for a user, made with the key, issuer and audience
of the configuration that 'serve' uses. When the configuration names no key, the
generated one in the data directory is used, and made if it isn't there yet, so
the server may be started before or after.

A server that is configured with a public key needs the private one here: --key.`,
		Example: `  ./pushd token --user alice
  ./pushd token --user alice --ttl 1h --config pushd.yaml
  ./pushd token --user alice --key @jwt.pem
  TOKEN=$(./pushd token --user alice)`,
		Args: noArgs,
	}
	flags := cmd.Flags()
	user := flags.String("user", "", "user id, the token's subject (required)")
	ttl := flags.String("ttl", "24h", "how long the token is valid, at least 1s")
	key := flags.String("key", "", "secret, PEM private key or private JWK to sign with, or @FILE; over auth.jwt.key")
	wanted := []string{"data-dir", "auth.jwt.key", "auth.jwt.algorithm", "auth.jwt.id", "auth.jwt.issuer", "auth.jwt.audience"}
	addFlags(cmd, func(key string) bool { return slices.Contains(wanted, key) })
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := account.ValidUserID(*user); err != nil {
			if *user == "" {
				return usageError{errors.New("--user is missing: whose token is it to be? For example: pushd token --user alice")}
			}
			return usageError{fmt.Errorf("--user %q: %s", config.Shorten(*user), codec.AsError(err).Msg)}
		}
		valid, err := time.ParseDuration(*ttl)
		if err != nil || valid < time.Second {
			return usageError{fmt.Errorf("--ttl %q: accepted is a duration of at least 1s, such as 1h or 24h", config.Shorten(*ttl))}
		}
		// Check is left out: listeners and limits don't matter to a token.
		cfg, err := config.Load(cmd.Flags(), a.environ)
		if err != nil {
			return usageError{err}
		}
		signer, created, err := newSigner(cfg, config.Secret(*key))
		if err != nil {
			return usageError{err}
		}
		for _, name := range created {
			a.say("made the key %s, which serve will use", name)
		}
		if cfg.Auth.Mode == "open" {
			a.say("warning: auth.mode is open (%s), where serve looks at no token", cfg.Source("auth.mode"))
		}
		token, err := signer.Sign(*user, valid, time.Now())
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(a.stdout, token)
		return err
	}
	return cmd
}

// newSigner signs with the key given, or else with the configured or generated
// one. created names the key file that was made for it.
func newSigner(cfg *config.Config, given config.Secret) (signer *account.Signer, created []string, err error) {
	jwt := cfg.Auth.JWT
	options := account.SignerOptions{KeyID: jwt.ID, Algorithm: jwt.Algorithm, Issuer: jwt.Issuer, Audience: jwt.Audience}
	name := "auth.jwt.key"
	if given != "" {
		name = "--key"
		if options.Key, err = given.Resolve(); err != nil {
			return nil, nil, fmt.Errorf("--key: %w", err)
		}
		if !cfg.Explicit("auth.jwt.algorithm") {
			options.Algorithm = "" // the one that the key is good for
		}
	} else {
		keys, err := config.LoadOrCreateTokenKey(cfg)
		if err != nil {
			return nil, nil, err
		}
		if keys.JWT == "" {
			return nil, nil, errors.New("auth.jwt.jwks holds the keys, which are not for signing; give the private key with --key @FILE")
		}
		options.Key, created = keys.JWT, keys.Created
	}
	signer, err = account.NewSigner(options)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w; give the private key with --key @FILE", name, err)
	}
	return signer, created, nil
}
