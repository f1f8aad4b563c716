package config

import (
	"time"

	"pushd/internal/account"
)

// AccountsConfig is about users with a password here.
type AccountsConfig struct {
	Register      bool
	RegisterRate  int
	Key           Secret
	TokenTTL      time.Duration
	RefreshTTL    time.Duration
	RevocationTTL time.Duration
	Devices       int
	HashMemory    Size
	HashPasses    int
	HashParallel  int
}

func accountsSection(c *Config) []option {
	d := account.Options{}.WithDefaults()
	return []option{
		opt("accounts.register", &c.Accounts.Register, d.Register, option{
			dev: "true",
			usage: "Strangers may make an account over HTTP. Otherwise backends make them, or users come with tokens of " +
				"an issuer outside.",
		}),
		opt("accounts.register-rate", &c.Accounts.RegisterRate, d.Lockout.Registrations, option{
			dev: "0", min: "0", max: "1000000",
			usage: "Accounts that one address can make in a minute; more is answered 429. 0 is no limit.",
		}),
		opt("accounts.key", &c.Accounts.Key, "", option{
			usage: "Secret of at least 32 bytes, or @FILE that holds it, that tokens of accounts are made with; the same " +
				"on every node. When it is not set, one is generated in data-dir/accounts.key.",
		}),
		opt("accounts.token-ttl", &c.Accounts.TokenTTL, d.TokenTTL, option{
			min: "1m", max: "720h",
			usage: "Life of an access token. A client gets the next one with its refresh token.",
		}),
		opt("accounts.refresh-ttl", &c.Accounts.RefreshTTL, d.RefreshTTL, option{
			min: "1h", max: "87600h",
			usage: "Life of a refresh token from its last use.",
		}),
		opt("accounts.revocation-ttl", &c.Accounts.RevocationTTL, d.RevocationTTL, option{
			min: "1m", max: "87600h",
			usage: "How long the revocation of all of a user's tokens is remembered: as long as tokens of an issuer " +
				"outside may live.",
		}),
		opt("accounts.devices", &c.Accounts.Devices, d.MaxDevices, option{
			min: "1", max: "1000",
			usage: "Places where one user can be logged in; the one unused the longest goes.",
		}),
		opt("accounts.hash-memory", &c.Accounts.HashMemory, Size(d.Hash.Memory)<<10, option{
			min: "8MiB", max: "4GiB",
			usage: "Memory of one password hash (argon2id).",
		}),
		opt("accounts.hash-passes", &c.Accounts.HashPasses, int(d.Hash.Passes), option{
			min: "1", max: "100",
			usage: "Passes of one password hash (argon2id).",
		}),
		opt("accounts.hash-parallel", &c.Accounts.HashParallel, 0, option{
			min: "0", max: "1024",
			usage: "Password hashes computed at the same time. 0 is half of the processors, so that event loops always " +
				"find one.",
		}),
	}
}

// AccountOptions are the options of the account service but for its clock and log.
func (c *Config) AccountOptions() account.Options {
	a := c.Accounts
	lockout := account.LockoutOptions{Registrations: a.RegisterRate}
	if a.RegisterRate == 0 {
		lockout.Registrations = -1 // no limit
	}
	return account.Options{
		Register: a.Register, TokenTTL: a.TokenTTL, RefreshTTL: a.RefreshTTL, MaxDevices: a.Devices,
		RevocationTTL: a.RevocationTTL, Lockout: lockout,
		Hash: account.HashOptions{
			Memory: uint32(a.HashMemory >> 10), Passes: uint32(a.HashPasses), Parallel: a.HashParallel,
		},
	}
}
