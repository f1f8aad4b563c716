package config

import (
	"errors"
	"fmt"
	"time"

	"pushd/internal/account"
)

// AuthConfig says who may log in.
type AuthConfig struct {
	Mode       string // token or open
	QueryToken bool
	JWT        JWTConfig
}

// JWTConfig says which tokens are believed.
type JWTConfig struct {
	Key       Secret
	Algorithm string
	ID        string
	JWKS      string
	Refresh   time.Duration
	Issuer    string
	Audience  string
	Leeway    time.Duration
}

func authSection(c *Config) []option {
	return []option{
		opt("auth.mode", &c.Auth.Mode, "token", option{
			dev: "open", oneof: []string{"token", "open"},
			usage: "token: a login needs a JWT whose subject is the user. open: UserId is taken at its word.",
		}),
		opt("auth.query-token", &c.Auth.QueryToken, false, option{
			usage: "Also accept the token as ?token= of the handshake's address. Proxies and browsers may log addresses, " +
				"so it is off by default.",
		}),
		opt("auth.jwt.key", &c.Auth.JWT.Key, "", option{
			usage: "HMAC secret of at least 32 bytes, a PEM public key or certificate, or a JWK; or @FILE that holds one " +
				"of these, which is read again when it changes. Keys of auth.jwt.jwks count beside it. When neither " +
				"this nor auth.jwt.jwks is set, an HMAC secret is generated in data-dir/jwt.key.",
		}),
		opt("auth.jwt.algorithm", &c.Auth.JWT.Algorithm, "HS256", option{
			oneof: []string{"HS256", "RS256", "ES256", "EdDSA"},
			usage: "The one signature algorithm that tokens may have.",
		}),
		opt("auth.jwt.id", &c.Auth.JWT.ID, "", option{
			usage: "Key id (kid) of auth.jwt.key. Tokens made here carry it; a token that names an unknown id is " +
				"refused.",
		}),
		opt("auth.jwt.jwks", &c.Auth.JWT.JWKS, "", option{
			rule: parseJWKS, quiet: true,
			usage: "JSON Web Key Set: a file, or an http or https address. It is read again every auth.jwt.refresh.",
		}),
		opt("auth.jwt.refresh", &c.Auth.JWT.Refresh, time.Minute, option{
			min: "1s", max: "24h",
			usage: "Interval at which key files and auth.jwt.jwks are looked at again. A bad new version keeps the old " +
				"keys.",
		}),
		opt("auth.jwt.issuer", &c.Auth.JWT.Issuer, "", option{
			usage: "Required issuer (iss). Empty is any.",
		}),
		opt("auth.jwt.audience", &c.Auth.JWT.Audience, "", option{
			usage: "Required audience (aud). Empty is any.",
		}),
		opt("auth.jwt.leeway", &c.Auth.JWT.Leeway, time.Duration(0), option{
			min: "0s", max: "10m",
			usage: "Difference between clocks that is forgiven in exp and nbf.",
		}),
	}
}

func (c *Config) checkAuth() error {
	jwt := c.Auth.JWT
	if c.Auth.Mode == "open" {
		return nil
	}
	var errs []error
	if jwt.Algorithm != "HS256" && jwt.Key == "" && jwt.JWKS == "" {
		errs = append(errs, fmt.Errorf("auth.jwt.algorithm (%s): %s needs a public key in auth.jwt.key or "+
			"auth.jwt.jwks (make a pair with `pushd keys jwt`); only an HS256 secret is generated",
			c.Source("auth.jwt.algorithm"), jwt.Algorithm))
	}
	if jwt.ID != "" && jwt.JWKS != "" && jwt.Key == "" {
		errs = append(errs, fmt.Errorf("auth.jwt.id (%s): names auth.jwt.key, which is not set; the keys of "+
			"auth.jwt.jwks carry their own", c.Source("auth.jwt.id")))
	}
	if _, file := jwt.Key.File(); jwt.Key != "" && !file {
		if _, err := account.ParseKey(jwt.ID, jwt.Algorithm, jwt.Key.Reveal()); err != nil {
			errs = append(errs, fmt.Errorf("auth.jwt.key (%s): %w", c.Source("auth.jwt.key"), err))
		}
	}
	return errors.Join(errs...)
}

// VerifierOptions are the options of what checks the tokens of users, but for its
// keys.
func (c *Config) VerifierOptions() account.VerifierOptions {
	jwt := c.Auth.JWT
	return account.VerifierOptions{
		Algorithm: jwt.Algorithm, Issuer: jwt.Issuer, Audience: jwt.Audience, Leeway: jwt.Leeway,
	}
}
