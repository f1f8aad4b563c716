package main

import (
	"log/slog"
	"net/netip"
	"time"
)

// Config is everything that can be set, and the only place where an option is
// declared. One entry gives the key in the file, the flag, the environment
// variable, the default, the accepted values and the text in --help and in
// docs/configuration.md. The tags are read by optionTable:
//
//	key      path in the YAML file and name of the flag; nested structs prefix theirs
//	default  text of the default, read like any other source
//	dev      text of the default under --dev, where it differs
//	min, max bounds of a number, duration or size
//	oneof    accepted words, separated by |
//	is       rule a text has to follow, see textRule
//	group    opens a group of options in the reference
//	fileonly the option has neither flag nor environment variable
//	usage    one paragraph for people
type Config struct {
	Dev     bool   `group:"General" key:"dev" default:"false" usage:"Development mode: auth.mode open, the admin key is 'dev', clients may publish to every topic and see who is online. Whatever is set explicitly wins over these. Never for a server that strangers can reach."`
	Node    string `key:"node" default:"" is:"node" usage:"Name of this node in replies, logs and metrics. Empty is the host name."`
	DataDir string `key:"data-dir" default:"./data" is:"path" usage:"Directory for what the server writes, such as generated keys. It is created with mode 0700 when something has to be written."`

	Store StoreURL `group:"Database" key:"store" default:"" usage:"Where accounts, conversations and groups are kept: sqlite:FILE, a postgres:// address, which several nodes can share, @FILE that holds one of these, or none, which leaves push, topics and presence. Empty is sqlite:pushd.db in data-dir."`

	Listen           string         `group:"Public listener" key:"listen" default:":8089" is:"address" usage:"Address of the public listener, HOST:PORT. No host is every address; port 0 picks a free one and the log says which."`
	Path             string         `key:"path" default:"/ws" is:"urlpath" usage:"Path of the WebSocket endpoint."`
	Page             bool           `key:"page" default:"true" usage:"Serve the page at /: a messenger, and a part for developers that shows every frame."`
	Origins          []string       `key:"origins" default:"same" is:"origin" usage:"Origins whose pages may connect, each exactly scheme://host[:port]; 'same' is a page from the host it connects to. A client that sends no Origin is not a browser and is not checked. An empty list refuses every browser."`
	TrustedProxies   []netip.Prefix `key:"trusted-proxies" default:"" usage:"Addresses or CIDR ranges of the proxies whose X-Forwarded-For is believed. They are exempt from the limits per address themselves."`
	HandshakeTimeout time.Duration  `key:"handshake-timeout" default:"10s" min:"100ms" max:"10m" usage:"Time for the whole opening handshake, from accept to the last header byte."`
	MaxHeader        Size           `key:"max-header" default:"8KiB" min:"512B" max:"64KiB" usage:"Size of the opening handshake's request line and headers; more is answered 431."`
	Drain            time.Duration  `key:"drain" default:"10s" min:"0s" max:"1h" usage:"Time over which connections are closed with 1012 after SIGTERM or SIGINT. A second signal exits at once."`

	AdminListen string      `group:"Admin listener" key:"admin-listen" default:"127.0.0.1:8090" is:"address" usage:"Address of the admin listener: push, online, metrics, profiles. Any address but loopback needs admin-key or admin.keys."`
	AdminKey    Secret      `key:"admin-key" default:"" dev:"dev" usage:"API key with every scope, or @FILE that holds it. It has at least 16 bytes when admin-listen is not on loopback. When neither this nor admin.keys is set, one is generated in data-dir/admin.key."`
	Admin       AdminConfig `key:"admin"`
	Pprof       bool        `key:"pprof" default:"true" usage:"Serve profiles at /debug/pprof/ of the admin listener, to keys with the scope admin."`

	Auth AuthConfig `group:"Authentication" key:"auth"`

	Accounts AccountsConfig `group:"Accounts" key:"accounts"`

	Chat ChatConfig `group:"Chat" key:"chat"`

	LoginTimeout        time.Duration `group:"Connections" key:"login-timeout" default:"10s" min:"100ms" max:"1h" usage:"Time from the handshake to a successful login; then the connection is closed with 4005."`
	Heartbeat           time.Duration `key:"heartbeat" default:"60s" min:"1s" max:"24h" usage:"A connection that sends nothing at all for this long is closed with 4102. Clients are told this figure at login."`
	Ping                time.Duration `key:"ping" default:"0s" min:"0s" max:"24h" usage:"Interval of native WebSocket pings from the server, so that clients that know no HeartBeat stay connected by answering. 0 sends none."`
	WriteTimeout        time.Duration `key:"write-timeout" default:"10s" min:"100ms" max:"1h" usage:"A connection whose oldest queued byte could not be sent for this long is closed with 4101."`
	SendBuffer          Size          `key:"send-buffer" default:"256KiB" min:"1KiB" max:"1GiB" usage:"Bytes that may wait for a slow client; more closes it with 4101."`
	MaxMessage          Size          `key:"max-message" default:"64KiB" min:"128B" max:"64MiB" usage:"Size of one message from a client, all its fragments together; more closes it with 1009."`
	MaxFragments        int           `key:"max-fragments" default:"1024" min:"1" max:"1000000" usage:"Frames that one message may be split into; more closes the connection with 1009."`
	MaxErrors           int           `key:"max-errors" default:"20" min:"1" max:"1000000" usage:"Malformed messages in a row that close a connection with 4006."`
	Rate                RateConfig    `key:"rate"`
	MaxConnections      int           `key:"max-connections" default:"0" min:"0" max:"100000000" usage:"Connections at once on this node. 0 is what the limit on open files (RLIMIT_NOFILE) leaves."`
	MaxConnectionsPerIP int           `key:"max-connections-per-ip" default:"0" min:"0" max:"100000000" usage:"Connections at once from one address. 0 is no limit."`
	HandshakeRatePerIP  int           `key:"handshake-rate-per-ip" default:"0" min:"0" max:"1000000" usage:"Opening handshakes a second from one address. 0 is no limit."`
	ResumeWindow        time.Duration `key:"resume-window" default:"60s" min:"0s" max:"24h" usage:"Time for which a broken session can be taken up again with its id. 0 turns resuming off."`

	MultiLogin     string         `group:"Sessions" key:"multi-login" default:"replace" oneof:"replace|refuse|allow" usage:"A second login of one user on one platform: replace closes the older session with 4003, refuse answers 409, allow admits up to max-per-platform."`
	MaxPerPlatform int            `key:"max-per-platform" default:"8" min:"1" max:"1000" usage:"Sessions of one user on one platform under multi-login allow."`
	Platforms      map[string]int `key:"platforms" default:"" usage:"Further platforms: a name and its number, 7 to 63. Built in are 1 web, 2 android, 3 ios, 4 pc, 5 mini-program, 6 server."`

	Topics   TopicsConfig   `group:"Topics and presence" key:"topics"`
	Presence PresenceConfig `key:"presence"`

	Loops     int `group:"Runtime" key:"loops" default:"0" min:"0" max:"4096" usage:"Event loops. 0 is one for each processor (GOMAXPROCS)."`
	Workers   int `key:"workers" default:"0" min:"0" max:"100000" usage:"Goroutines for requests that may block. 0 is 256 with a database, which commits together what waits together, and 16 without."`
	GCPercent int `key:"gc-percent" default:"0" min:"0" max:"10000" usage:"Go's garbage collection target in percent (GOGC). 0 keeps the server's own, 20."`

	Files FilesConfig `group:"Files" key:"files"`

	Hooks   HooksConfig   `group:"Backends" key:"hooks"`
	Offline OfflineConfig `key:"offline"`
	Bots    []BotConfig   `key:"bots" default:"" fileonly:"true" usage:"Users that are programs: a list of name, url, secret (as hooks.secret), and optionally about, commands (a list) and timeout. What is sent to the user bot:NAME is posted to the url, and the reply is the answer, see docs/bots.md. echo and help are built in."`

	Log LogConfig `group:"Log" key:"log"`

	// sources says where each key's value came from; set by load.
	sources map[string]source
}

// AdminConfig holds the named API keys.
type AdminConfig struct {
	Keys []AdminKey `key:"keys" default:"" fileonly:"true" usage:"Named API keys: a list of name, secret (the key or @FILE) and scopes (push, read, admin; admin implies the others)."`
}

// AdminKey is one entry of admin.keys.
type AdminKey struct {
	Name   string   // unique; appears in the log, never the secret
	Secret Secret   // the key, or @FILE
	Scopes []string // push, read, admin; at least one
}

// AuthConfig says who may log in.
type AuthConfig struct {
	Mode       string    `key:"mode" default:"token" dev:"open" oneof:"token|open" usage:"token: a login needs a JWT whose subject is the user. open: UserId is taken at its word."`
	QueryToken bool      `key:"query-token" default:"false" usage:"Also accept the token as ?token= of the handshake's address. Proxies and browsers may log addresses, so it is off by default."`
	JWT        JWTConfig `key:"jwt"`
}

// JWTConfig says which tokens are believed.
type JWTConfig struct {
	Key       Secret        `key:"key" default:"" usage:"HMAC secret of at least 32 bytes, a PEM public key or certificate, or a JWK; or @FILE that holds one of these, which is read again when it changes. Keys of auth.jwt.jwks count beside it. When neither this nor auth.jwt.jwks is set, an HMAC secret is generated in data-dir/jwt.key."`
	Algorithm string        `key:"algorithm" default:"HS256" oneof:"HS256|RS256|ES256|EdDSA" usage:"The one signature algorithm that tokens may have."`
	ID        string        `key:"id" default:"" usage:"Key id (kid) of auth.jwt.key. Tokens made here carry it; a token that names an unknown id is refused."`
	JWKS      string        `key:"jwks" default:"" is:"jwks" usage:"JSON Web Key Set: a file, or an http or https address. It is read again every auth.jwt.refresh."`
	Refresh   time.Duration `key:"refresh" default:"60s" min:"1s" max:"24h" usage:"Interval at which key files and auth.jwt.jwks are looked at again. A bad new version keeps the old keys."`
	Issuer    string        `key:"issuer" default:"" usage:"Required issuer (iss). Empty is any."`
	Audience  string        `key:"audience" default:"" usage:"Required audience (aud). Empty is any."`
	Leeway    time.Duration `key:"leeway" default:"0s" min:"0s" max:"10m" usage:"Difference between clocks that is forgiven in exp and nbf."`
}

// RateConfig bounds what one connection sends.
type RateConfig struct {
	Messages int `key:"messages" default:"100" dev:"0" min:"0" max:"1000" usage:"Messages a second that one connection may send, heartbeats included; more are answered 429, with how long to wait, and count too. 0 is no limit."`
	Burst    int `key:"burst" default:"400" min:"1" max:"50000" usage:"Messages that one connection may send at once, on top of rate.messages. A connection that goes on when it is refused, and sends as many again, is closed with 4103."`
}

// TopicsConfig bounds topics and says which ones clients may publish to.
type TopicsConfig struct {
	Publish     []string `key:"publish" default:"" dev:"*" usage:"Prefixes of the topics that clients may publish to; * is every topic. None by default: backends publish over HTTP."`
	MergeWindow []string `key:"merge-window" default:"" usage:"How long a message to a topic waits for others to the same topic, so that they leave in one write to each subscriber: PREFIX=DURATION for the topics that begin so, *=DURATION for all; the longest prefix wins. Ten messages in one write cost what one does. Without it only messages that arrive together are joined."`
	Max         int      `key:"max" default:"100000" min:"1" max:"100000000" usage:"Topics with subscribers at once on this node."`
	PerSession  int      `key:"per-session" default:"128" min:"1" max:"65535" usage:"Topics that one session may be subscribed to."`
	PerUser     int      `key:"per-user" default:"512" min:"1" max:"1000000" usage:"Subscriptions that all sessions of one user may have together, so that a few users can't use up topics.max."`

	History       []string `key:"history" default:"" usage:"Topics with a history in memory, from which a client that was away recovers what it missed: PREFIX=MESSAGES or PREFIX=MESSAGES/DURATION for the topics that begin so, *=… for all; the longest prefix wins, and 0 messages is no history. For example chat:=100/10m."`
	HistoryBytes  Size     `key:"history-bytes" default:"64MiB" min:"64KiB" max:"64GiB" usage:"Memory for all histories together; one topic may take an eighth. Over it the topics go first that had no message for the longest time."`
	HistoryTopics int      `key:"history-topics" default:"10000" min:"1" max:"10000000" usage:"Topics whose history is kept, with subscribers or without. Over it the topics go first that had no message for the longest time."`
	Presence      []string `key:"presence" default:"" usage:"Prefixes of the topics whose subscribers are told who joins and leaves, at most once a second, and may ask who is in; * is every topic."`
}

// PresenceConfig says what clients may learn about each other.
type PresenceConfig struct {
	All      bool `key:"all" default:"false" dev:"true" usage:"Clients may subscribe to who comes and goes among all users."`
	Announce bool `key:"announce" default:"false" usage:"Tell every session who comes online and goes offline, without subscribing: at most once a second, with as many names as 16 MiB for all of them hold, and to more than 20,000 sessions less often."`
}

// LogConfig is about the log on standard error.
type LogConfig struct {
	Level    slog.Level `key:"level" default:"info" oneof:"debug|info|warn|error" usage:"Lowest level that is written."`
	Format   string     `key:"format" default:"auto" oneof:"auto|text|json" usage:"auto is text on a terminal and JSON otherwise."`
	Requests bool       `key:"requests" default:"false" usage:"Write one line for every HTTP request to the admin listener at level info; they are at debug otherwise."`
}
