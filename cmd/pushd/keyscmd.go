package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"pushd/internal/config"
	"pushd/internal/webhook"
)

func (a *app) keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make API keys, keys for tokens and secrets of webhooks",
		Example: `  ./pushd keys api
  ./pushd keys webhook
  ./pushd keys jwt --algorithm EdDSA --out jwt`,
	}
	group(cmd)
	cmd.AddCommand(a.keysAPICommand(), a.keysJWTCommand(), a.keysWebhookCommand())
	return cmd
}

func (a *app) keysAPICommand() *cobra.Command {
	return &cobra.Command{
		Use:   "api",
		Short: "Print a new API key",
		Long: `Print a new random API key on standard output. Put it into admin-key, or with a
name and scopes into admin.keys of the configuration file:

  admin:
    keys:
      - name: shop
        secret: '@/etc/pushd/shop.key'
        scopes: [push, read]`,
		Example: "  (umask 077; ./pushd keys api > shop.key)",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.stdout, config.NewKey())
			return err
		},
	}
}

func (a *app) keysWebhookCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "webhook",
		Short: "Print a new secret that webhooks are signed with",
		Long: `Print a new random secret on standard output, in the form of Standard Webhooks.
Put it into hooks.secret, offline.secret or a bot's secret, and give it to the
backend, which verifies the signatures with it.`,
		Example: "  (umask 077; ./pushd keys webhook > hooks.secret)",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.stdout, webhook.NewSecret())
			return err
		},
	}
}

func (a *app) keysJWTCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "jwt",
		Short: "Make a key that tokens are signed with",
		Long: `Make a key that tokens are signed with. For HS256 that is one secret, printed on
standard output: the server and whoever signs need the same. For RS256, ES256
and EdDSA it is a pair, written to two new files: NAME.pem, the private key for
whoever signs (mode 0600), and NAME.pub.pem, the public one for the server.`,
		Example: `  (umask 077; ./pushd keys jwt > jwt.key)
  ./pushd serve --auth.jwt.key @jwt.key

  ./pushd keys jwt --algorithm EdDSA --out jwt
  ./pushd serve --auth.jwt.algorithm EdDSA --auth.jwt.key @jwt.pub.pem
  ./pushd token --user alice --key @jwt.pem`,
		Args: noArgs,
	}
	const option = "auth.jwt.algorithm"
	accepted := config.AcceptedWords(option)
	algorithm := cmd.Flags().String("algorithm", "HS256", "one of "+strings.Join(accepted, ", "))
	out := cmd.Flags().String("out", "", "name of the files, for a pair")
	_ = cmd.RegisterFlagCompletionFunc("algorithm", cobra.FixedCompletions(accepted, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(*cobra.Command, []string) error {
		name, err := config.ParseWord(option, *algorithm)
		if err != nil {
			return usageError{fmt.Errorf("--algorithm %q: %w", config.Shorten(*algorithm), err)}
		}
		switch {
		case name == "HS256" && *out != "":
			return usageError{errors.New("--out: HS256 has one secret, printed on standard output; --out is for pairs")}
		case name == "HS256":
			_, err := fmt.Fprintln(a.stdout, config.NewKey())
			return err
		case *out == "":
			return usageError{fmt.Errorf("--out: %s has two keys; name their files, such as --out jwt", name)}
		}
		private, public, err := newPair(name)
		if err != nil {
			return err
		}
		if err := writeNew(*out+".pem", private, 0o600); err != nil {
			return err
		}
		if err := writeNew(*out+".pub.pem", public, 0o644); err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.stdout, "%s.pem\n%s.pub.pem\n", *out, *out)
		return err
	}
	return cmd
}

// newPair makes a private and a public key in PEM (PKCS #8 and PKIX).
func newPair(algorithm string) (private, public []byte, err error) {
	var key crypto.Signer
	switch algorithm {
	case "RS256":
		key, err = rsa.GenerateKey(rand.Reader, 3072)
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("make a key for %s: %w", algorithm, err)
	}
	private, err = x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the private key: %w", err)
	}
	public, err = x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, nil, fmt.Errorf("encode the public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), nil
}

// writeNew writes a file that must not be there yet: a key that is in use is
// never replaced by accident.
func writeNew(name string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}
