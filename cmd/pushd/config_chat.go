package main

import "time"

// AccountsConfig is about users with a password here.
type AccountsConfig struct {
	Register      bool          `key:"register" default:"false" dev:"true" usage:"Strangers may make an account over HTTP. Otherwise backends make them, or users come with tokens of an issuer outside."`
	RegisterRate  int           `key:"register-rate" default:"30" dev:"0" min:"0" max:"1000000" usage:"Accounts that one address can make in a minute; more is answered 429. 0 is no limit."`
	Key           Secret        `key:"key" default:"" usage:"Secret of at least 32 bytes, or @FILE that holds it, that tokens of accounts are made with; the same on every node. When it is not set, one is generated in data-dir/accounts.key."`
	TokenTTL      time.Duration `key:"token-ttl" default:"1h" min:"1m" max:"720h" usage:"Life of an access token. A client gets the next one with its refresh token."`
	RefreshTTL    time.Duration `key:"refresh-ttl" default:"720h" min:"1h" max:"87600h" usage:"Life of a refresh token from its last use."`
	RevocationTTL time.Duration `key:"revocation-ttl" default:"24h" min:"1m" max:"87600h" usage:"How long the revocation of all of a user's tokens is remembered: as long as tokens of an issuer outside may live."`
	Devices       int           `key:"devices" default:"32" min:"1" max:"1000" usage:"Places where one user can be logged in; the one unused the longest goes."`
	HashMemory    Size          `key:"hash-memory" default:"19MiB" min:"8MiB" max:"4GiB" usage:"Memory of one password hash (argon2id)."`
	HashPasses    int           `key:"hash-passes" default:"2" min:"1" max:"100" usage:"Passes of one password hash (argon2id)."`
	HashParallel  int           `key:"hash-parallel" default:"0" min:"0" max:"1024" usage:"Password hashes computed at the same time. 0 is half of the processors, so that event loops always find one."`
}

// ChatConfig is about conversations, groups and friends.
type ChatConfig struct {
	MaxText      Size          `key:"max-text" default:"16KiB" min:"1B" max:"1MiB" usage:"Size of a text."`
	MaxData      Size          `key:"max-data" default:"32KiB" min:"2B" max:"1MiB" usage:"Size of a custom message's object."`
	RecallWindow time.Duration `key:"recall-window" default:"2m" min:"1s" max:"8760h" usage:"Time within which a sender can recall a message. A group's owner and admins can at any time."`
	EditWindow   time.Duration `key:"edit-window" default:"15m" min:"1s" max:"8760h" usage:"Time within which a sender can edit a message."`
	GroupLimit   int           `key:"group-limit" default:"500" min:"2" max:"100000" usage:"Members of a new group."`
	GroupMax     int           `key:"group-max" default:"10000" min:"2" max:"100000" usage:"The most that a group's owner can raise its limit to."`
	GroupsOwned  int           `key:"groups-owned" default:"500" min:"1" max:"1000000" usage:"Groups that one user can own."`
	GroupsIn     int           `key:"groups-in" default:"2000" min:"1" max:"1000000" usage:"Groups that one user can be in."`
	Friends      int           `key:"friends" default:"5000" min:"1" max:"1000000" usage:"Entries in one user's list of friends and blocks."`
	FriendsOnly  bool          `key:"friends-only" default:"false" usage:"Single chat is for friends alone."`
}
